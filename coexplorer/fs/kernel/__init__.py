"""What the kernel is told and asked: inode numbers, attributes, errnos, requests, /proc."""
