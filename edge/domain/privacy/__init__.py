"""Retention of images, requests of people, and the page that answers them."""
