"""Checks that drive real chat clients against an XMPP server."""
