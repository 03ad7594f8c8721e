"""Runs inside Gajim's own process: starts the real application and drives it over a socket.

Started with Debian's Python as: python3 gajim_inside.py FD CONFIG_DIR. FD is a connected socket with one JSON object
a line: commands in, {"id", "result" | "error"} and {"kind", ...} events out. Everything happens in Gajim's main loop;
messages are typed into its chat window.
"""

import json
import logging
import socket
import sys
import traceback

import gajim.gajim
from gi.repository import Gio
from gi.repository import GLib

ACCOUNT = 'checks'


# Events of rooms, and what is told of them.
_ROOM_EVENTS = {
    'muc-user-joined': lambda e: {'what': 'joined', 'nick': e.nick},
    'muc-user-left': lambda e: {'what': 'left', 'nick': e.nick},
    'muc-nickname-changed': lambda e: {'what': 'renamed', 'nick': e.old_name, 'new': e.new_name},
    'muc-room-kicked': lambda e: {'what': 'banned' if '301' in {str(c.value) for c in e.status_codes} else 'kicked'},
    'muc-room-config-finished': lambda e: {'what': 'configured'},
}


class Driver:
    def __init__(self, fd):
        self._socket = socket.socket(fileno=fd)
        self._buffer = b''
        self._rooms = set()

    def wait_for_window(self):
        """Called again and again until the application's window is there."""
        from gajim.common import app
        if getattr(app, 'window', None) is None or app.window.get_visible() is False:
            return True
        self._listen()
        GLib.io_add_watch(self._socket.fileno(), GLib.PRIORITY_DEFAULT, GLib.IOCondition.IN | GLib.IOCondition.HUP,
                          self._read)
        self._tell({'kind': 'started'})
        GLib.timeout_add(100, self._close_wizard)
        return False

    @staticmethod
    def _close_wizard():
        """Closes the account wizard, which opens a little later as there is no account; called until then."""
        from gajim.gtk.util import get_app_window
        wizard = get_app_window('AccountWizard')
        if wizard is None:
            return True
        wizard.destroy()
        return False

    def watch_exceptions(self):
        """Gajim shows an exception nobody handled in a window; have it told here as well."""
        shown = sys.excepthook

        def hook(kind, value, trace):
            text = ''.join(traceback.format_exception(kind, value, trace))
            print(text, file=sys.stderr)
            self._tell({'kind': 'exception', 'text': text})
            shown(kind, value, trace)
        sys.excepthook = hook

    def _tell(self, what):
        self._socket.sendall(json.dumps(what).encode() + b'\n')

    def _read(self, _fd, _condition):
        data = self._socket.recv(65536)
        if not data:
            from gajim.common import app
            app.app.quit()
            return False
        self._buffer += data
        while b'\n' in self._buffer:
            line, self._buffer = self._buffer.split(b'\n', 1)
            command = json.loads(line)
            try:
                result = getattr(self, 'do_' + command['do'])(*command['args'])
                self._tell({'id': command['id'], 'result': result})
            except Exception:
                self._tell({'id': command['id'], 'error': traceback.format_exc()})
        return True

    def _listen(self):
        from gajim.common import app
        from gajim.common import ged
        # After the windows have been told.
        for name, handler in (
                ('message-received', self._on_message),
                ('mam-message-received', self._on_message),
                ('gc-message-received', self._on_room_message),
                ('mam-message-received', self._on_room_message),
                ('message-error', self._on_message_error),
                ('presence-received', self._on_presence),
                ('subscribe-presence-received', self._on_request),
                ('signed-in', lambda _e: self._tell({'kind': 'signed on'})),
                ('account-connected', lambda _e: self._tell({'kind': 'connected'})),
                ('account-disconnected', lambda _e: self._tell({'kind': 'signed off'})),
                ('password-required', lambda _e: self._tell({'kind': 'password refused'})),
                ('plain-connection', lambda _e: self._tell({'kind': 'plain connection'}))):
            app.ged.register_event_handler(name, ged.POSTGUI, handler)
        self._watch_rooms()

    def _on_message(self, event):
        if event.msgtxt and event.properties.type.is_chat:
            kind = 'copy' if event.properties.is_sent_carbon else 'message'
            self._tell({'kind': kind, 'jid': str(event.properties.jid.new_as_bare()), 'text': event.msgtxt,
                        'delayed': event.stanza.getTag('delay') is not None})

    def _on_message_error(self, event):
        self._tell({'kind': 'error', 'jid': str(event.jid), 'condition': str(event.error)})

    def _on_presence(self, event):
        self._tell({'kind': 'presence', 'jid': str(event.jid), 'show': event.show, 'text': event.status})

    def _on_request(self, event):
        self._tell({'kind': 'request', 'jid': str(event.jid)})

    def _on_room_message(self, event):
        if event.msgtxt and event.properties.type.is_groupchat:
            jid = event.properties.jid
            self._tell({'kind': 'room', 'room': str(jid.new_as_bare()), 'what': 'said', 'nick': jid.resource,
                        'text': event.msgtxt})

    def _watch_rooms(self):
        """Gajim stores each event of a room that it shows; have them told here as well."""
        from gajim.common import app
        store = app.storage.events.store

        def and_tell(contact, event):
            store(contact, event)
            what = _ROOM_EVENTS.get(event.name)
            if what:
                self._tell({'kind': 'room', 'room': str(contact.jid)} | what(event))
        app.storage.events.store = and_tell

    def _watch_room(self, room):
        if room not in self._rooms:
            self._rooms.add(room)
            contact = self._module('Contacts').get_contact(room, groupchat=True)
            contact.connect('room-joined', self._on_room_joined)
            contact.connect('room-join-failed', self._on_room_refused)
            contact.connect('room-subject', self._on_room_subject)

    def _on_room_joined(self, contact, _signal):
        self._tell({'kind': 'room', 'room': str(contact.jid), 'what': 'entered'})

    def _on_room_refused(self, contact, _signal, error):
        self._tell({'kind': 'room', 'room': str(contact.jid), 'what': 'refused', 'condition': str(error.condition)})

    def _on_room_subject(self, contact, _signal, subject):
        self._tell({'kind': 'room', 'room': str(contact.jid), 'what': 'subject', 'text': subject.text})

    # -- commands

    def do_account(self, user, domain, password, host, port, certificate):
        """Makes the only account as the account wizard does and goes online. certificate, a file, may be empty."""
        from gajim.common import app
        from nbxmpp.const import ConnectionProtocol
        from nbxmpp.const import ConnectionType
        app.settings.set_app_setting('use_keyring', False)
        app.settings.set_app_setting('autoaway', False)
        app.settings.set_app_setting('autoxa', False)
        if certificate:
            # The window about an unknown certificate does this when told to add it.
            app.cert_store.add_certificate(Gio.TlsCertificate.new_from_file(certificate))
        app.app.create_account(ACCOUNT, user, domain, password, None,
                               (f'{host}:{port}', ConnectionProtocol.TCP, ConnectionType.START_TLS))
        app.app.enable_account(ACCOUNT)

    def do_parse(self, uri):
        from gajim.common.helpers import parse_uri
        read = parse_uri(uri)
        return {'type': read.type.name, 'query': read.query_type, 'params': read.query_params, 'data': read.data}

    def do_sign_up(self, domain, host, port, certificate):
        """Opens the account wizard and goes on to the server's form, as somebody would who clicks."""
        from gajim.common import app
        from gajim.gtk.util import open_window
        app.settings.set_app_setting('use_keyring', False)
        app.cert_store.add_certificate(Gio.TlsCertificate.new_from_file(certificate))
        app.settings.set_app_setting('autoaway', False)
        app.settings.set_app_setting('autoxa', False)
        wizard = self._wizard = open_window('AccountWizard')
        wizard._generate_account_name = lambda _domain: ACCOUNT  # by which all else here finds it
        wizard.show_page('signup')
        signup = wizard.get_page('signup')._ui
        signup.server_comboboxtext_sign_up_entry.set_text(domain)
        signup.sign_up_advanced_checkbutton.set_active(True)
        self._press('signup')
        advanced = wizard.get_page('advanced')._ui
        advanced.custom_host_entry.set_text(host)
        advanced.custom_port_entry.set_text(str(port))
        self._press('signup')

    def _press(self, name):
        button, _complete = self._wizard._buttons[name]
        if not (button.get_visible() and button.get_sensitive()):
            raise RuntimeError(f'the button {name} of page {self._wizard.get_current_page()} cannot be pressed')
        button.clicked()

    def do_wizard_page(self):
        page = self._wizard.get_current_page()
        text = ''
        if page == 'error':
            text = repr([w.get_text() for w in self._within(self._wizard.get_page('error')) if hasattr(w, 'get_text')])
        return [page, text]

    def _within(self, widget):
        yield widget
        if hasattr(widget, 'get_children'):
            for child in widget.get_children():
                yield from self._within(child)

    def do_fill_in(self, values):
        """Types into the fields of the form, from the top; False as long as they have no place yet."""
        from gi.repository import Gtk
        entries = [w for w in self._within(self._wizard.get_page('form')) if isinstance(w, Gtk.Entry) and w.get_mapped()]
        entries.sort(key=lambda w: w.get_allocation().y)
        if len({w.get_allocation().y for w in entries}) != len(values):
            return False
        for entry, value in zip(entries, values):
            entry.set_text(value)
        return True

    def do_submit(self):
        """Submits the form; False as long as it has not been looked over, which takes a moment."""
        button, _complete = self._wizard._buttons['signup']
        if button.get_sensitive():
            self._press('signup')
            return True
        return False

    def do_connect(self):
        """Leaves the wizard for the account that it has made."""
        self._press('connect')

    def do_trust(self):
        """Ticks "add certificate" and presses "connect" in the window about it; False if there is no such window."""
        from gajim.gtk.util import get_app_window
        window = get_app_window('SSLErrorDialog')
        if window is None or not window.get_mapped():
            return False
        window._ui.add_certificate_checkbutton.clicked()
        window._ui.connect_button.clicked()
        return True

    def do_add(self, jid):
        self._module('Presence').subscribe(jid, groups=['Checks'], name=jid.split('@')[0])

    def do_accept(self, jid):
        self._module('Presence').subscribed(jid)

    def do_remove(self, jid):
        from nbxmpp.protocol import JID
        self._module('Roster').delete_item(JID.from_string(jid))

    def do_avatar(self, jid):
        from gajim.common import app
        sha = self._module('Contacts').get_contact(jid).avatar_sha
        return sha if sha and app.app.avatar_storage.avatar_exists(sha) else ''

    def do_shared(self, jid):
        def known(data):
            return {k: v for k, v in (data._asdict() if data else {}).items() if v} or None
        contact = self._module('Contacts').get_contact(jid)
        return {'location': known(contact.get_location()), 'tune': known(contact.get_tune())}

    def do_share_place(self, place):
        from nbxmpp.structs import LocationData
        self._module('UserLocation').set_location(LocationData(**place) if place else None, force=True)

    def do_share_tune(self, tune):
        from nbxmpp.structs import TuneData
        self._module('UserTune').set_tune(TuneData(**tune), force=True)

    def do_status(self, show, text):
        from gajim.common import app
        app.get_client(ACCOUNT).change_status(show, text)

    def do_say(self, jid, text):
        """Opens the chat, types and sends."""
        from gajim.common import app
        from nbxmpp.protocol import JID
        app.window.add_chat(ACCOUNT, JID.from_string(jid), 'contact', select=True)
        app.window.get_chat_stack().get_message_input().insert_text(text)
        app.window.activate_action('send-message', None)

    def do_join(self, room, nick):
        self._module('Contacts').add_contact(room, groupchat=True)
        self._watch_room(room)
        self._module('MUC').join(room, nick)

    def do_create(self, room, config):
        self._module('MUC').create(room, config)

    def do_rename(self, room, nick):
        self._module('MUC').change_nick(room, nick)

    def do_set_subject(self, room, text):
        self._module('MUC').set_subject(room, text)

    def do_say_in(self, room, text):
        from gajim.common import app
        from nbxmpp.protocol import JID
        app.window.add_group_chat(ACCOUNT, JID.from_string(room), select=True)
        app.window.get_chat_stack().get_message_input().insert_text(text)
        app.window.activate_action('send-message', None)

    def do_unconfirmed(self):
        """How many stanzas it has that the server does not know to have arrived (XEP-0198)."""
        from gajim.common import app
        smacks = app.get_client(ACCOUNT).connection._smacks
        return smacks._in_h - smacks._acked_h

    def _module(self, name):
        from gajim.common import app
        return app.get_client(ACCOUNT).get_module(name)


def main():
    driver = Driver(int(sys.argv[1]))
    sys.argv = ['gajim', '--config-path', sys.argv[2], '--separate', '--loglevel', '.nbxmpp=INFO']
    GLib.timeout_add(50, driver.wait_for_window)
    init = gajim.gajim._init_gtk

    def init_and_watch():
        init()
        driver.watch_exceptions()
    gajim.gajim._init_gtk = init_and_watch
    logging.captureWarnings(True)
    gajim.gajim.main()


main()
