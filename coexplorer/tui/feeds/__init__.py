"""Feeds: they read the library for the main screen's widgets, and follow its events.

Besides `actions`, the one place that calls the library for the main screen. They read from the
catalog, and cancel a search when a newer one replaces it.

    fed        what they ask of the screen
    listing    the rows of the list, its count, its cursor
    details    the asset under the cursor
    header     the header's figures and notes, the counts of the views
    news       what happens meanwhile: the library's events
    feeds      all of them, and what is read when the screen opens
"""
