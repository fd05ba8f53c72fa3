"""Between the mount and the library: saves, failed writes, news from the catalog, the network."""
