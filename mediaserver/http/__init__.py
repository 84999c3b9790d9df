"""The doors: outsiders' languages. They translate and decide nothing."""
