"""What people reach over HTTP: JSON API and console, two faces of `operations`."""
