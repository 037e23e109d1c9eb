"""Apache httpd 2.4: its language, its process, where it is found."""
