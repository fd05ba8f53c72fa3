"""Who can see an asset: roles, as they are written, and how they change. Pure."""
