"""`smartclocker simulate`: whole terminals whose camera, lights, reader and buttons are a page in a browser."""
