"""What goes to and from the kernel: inode numbers, attributes, errnos, requests, /proc."""
