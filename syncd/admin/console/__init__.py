"""The console: pages for people, over the same operations as the API and the command line.

Pages are rendered in the server and can be read without JavaScript; with it, live parts are asked for anew by themselves.
"""
