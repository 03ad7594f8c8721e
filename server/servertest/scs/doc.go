// Package scs plays scripts of XMPP conversations against a server: the
// scansion language, as the Prosody project's tests use it, with a few words
// more. One script is a cast of characters and a list of acts:
//
//	# Title
//	# A line or two of description.
//	## tag
//
//	[Client] Romeo
//		jid: romeo@localhost
//		password: secret
//
//	-----
//
//	Romeo connects
//
//	Romeo sends:
//		<presence/>
//
//	Romeo receives:
//		<presence from="${Romeo's full JID}"/>
//
//	Romeo disconnects
//
// # Acts
//
// A line that starts in the first column is an act; the indented lines below
// it are its XML. Lines that start with "#", "//" or "--" are comments. A
// name may hold spaces and apostrophes ("Juliet's phone"). The colon after an
// act is optional, and one short element may stand on the act's own line.
//
//	X befriends Y                  a subscription both ways, made on connections
//	                               of its own before the acts that matter
//	X connects                     stream, TLS, SASL, resource binding
//	X fails to connect: [XML]      the same, refused; XML is the <failure/>,
//	                               stream error or IQ error that says so
//	X opens                        stream and TLS only
//	X logs in                      the same and SASL, no resource yet
//	X authenticates: XML           the same with SASL2 (XEP-0388) and SCRAM or
//	                               ANONYMOUS; XML is what else <authenticate/>
//	                               holds. The answer, <success/> or another one,
//	                               is the next element that X receives
//	X binds                        after "logs in": resource binding
//	X resumes: [XML]               XEP-0198 resumption of X's last session on
//	                               a new connection (or on one that logged
//	                               in); XML is the expected <resumed/>
//	X is offered: XML              each is one of the last stream features
//	X disconnects                  </stream:stream>, and waits for the answer
//	X disconnects hard             cuts the socket, says nothing
//	X is disconnected              waits for the server to end the stream
//	X sends: XML                   one or more elements in one write
//	X sends raw: TEXT              the text as written, but for the white space
//	                               around it; it need not be XML
//	X receives: XML                the next element (or elements, in order)
//	X receives within 2s: XML      the same with its own time limit
//	X receives all of: XML         the next elements, in any order
//	X may receive: XML             from now on the element is passed over, once,
//	                               where another one is expected
//	X receives nothing             no element for a short while
//	X receives nothing for 500ms   no element for that long
//
// A [Client] takes the properties jid, password, resource, mechanism (a SASL
// mechanism's name), tls (starttls, direct or none), lang (the stream's
// xml:lang, "en" when absent), acks ("script" when the script answers the
// server's <r/> itself) and account ("none" when no account may be made for
// it beforehand, "admin" when it is an administrator's). connect_host and connect_port are read and ignored: which
// server is played against is the runner's to choose.
//
// # Matching
//
// Non-strict: every attribute and child the script names must be there;
// others, and order, do not matter. Strict: exactly those, in that order, but
// for an xml:lang that the script does not name. A
// stanza is matched non-strictly, and so is everything in the jabber:client
// namespace; an element of another namespace is matched strictly with its
// children. The attribute scansion:strict="true" or "false" says otherwise.
// Text is compared without the white space around it; an element written
// without text fits any text, unless it carries scansion:strict="true" itself.
//
// Values, of an attribute or as the whole text of an element:
//
//	{scansion:any}              any value
//	{scansion:capture:NAME}     the first time any value, which is kept under
//	                            NAME; from then on exactly that value
//	{scansion:regexp:RE}        a value that the whole expression matches; a named
//	                            group (?P<NAME>...) is captured
//	{scansion:not:VALUE}        any value but this one
//	{scansion:absent}           no such attribute
//
// An expected element with scansion:absent="true" asserts that its parent has
// no child that matches it.
//
// # Variables
//
// In XML, ${X's JID} is the bare JID of a character, ${X's full JID} the one
// it bound, and ${X's username}, ${X's domain}, ${X's resource} and
// ${X's password} are its parts. ${NAME} is a captured value. ${base64:TEXT}
// is the text, whose variables are expanded first and in which \0 stands for
// NUL, in base64; ${sha-1:TEXT} its SHA-1 in base64, as in XEP-0115 §5.1.
//
// The elements <r/> and <a/> of XEP-0198 are passed over unless the script
// expects one. A passed-over <r/> is answered with the number of stanzas the
// script has received so far, and a resumption says the same number: a stanza
// that reached the socket but no "receives" act was not handled.
//
// Acts of different characters are not ordered by the network. Before a
// character acts on the server while another's last words may still be under
// way, with nothing received since, the runner waits for Options.Settle. In a
// synctest bubble that makes such scripts deterministic.
//
// The scansion language is described at
// https://matthewwild.co.uk/projects/scansion/.
package scs
