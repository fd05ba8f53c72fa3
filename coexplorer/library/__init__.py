"""What a user can do with data assets: one face for every front end."""
