"""Measurements that are run by hand, and that everything said about speed or accuracy comes from."""
