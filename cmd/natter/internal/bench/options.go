package bench

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// Options says what to load, how hard and for how long. The zero value is not
// usable: Register fills in the defaults.
type Options struct {
	mode string

	Pairs    int           // chat: pairs of clients
	Window   int           // chat: messages in flight for each pair and direction of travel
	Rate     float64       // chat: messages a second in all, open loop; 0 is the closed loop
	Until    string        // chat: what takes a message out of the window, "delivered" or "acked"
	To       string        // chat: "full" or "bare" JIDs
	Size     int           // chat: bytes of a message as it is sent
	Messages int64         // number of operations after which a run ends; 0 is no bound
	Duration time.Duration // measured time of a run, when Messages is 0
	Warmup   time.Duration // load before measuring starts
	Drain    time.Duration // longest wait for what is on the way at the end
	Every    time.Duration // progress lines this often; 0 is none

	Clients int           // login, offline: connections at work at once; idle, presence: connections
	Senders int           // muc: occupants that talk
	Per     int           // offline: messages for each absent account
	Rooms   int           // rooms: how many
	Settle  time.Duration // idle, rooms: wait before the memory is read
	Rush    int           // logins at once while a run is being set up

	Over     string // "tcp", "ws" (RFC 7395) or "bosh" (XEP-0124)
	TLS      string // "none", "starttls" or "direct"; over HTTP the last two are https
	SM       bool   // clients use stream management (XEP-0198)
	Mech     string // SASL mechanism; empty is the strongest of SCRAM-SHA-256, SCRAM-SHA-1, PLAIN
	Domain   string
	User     string // pattern of account names, with one %d
	Password string

	Rounds  int
	Relay   bool   // measure the relay too
	NoServe bool   // do not start natter
	Archive string // archive of the natter that is started: "on" or "off"
	Data    bool   // the natter that is started keeps its data on disk, in a directory made for the run
	Serve   string // program to start as the server; empty is this one
	Flags   string // more flags for it, separated by spaces
	Targets targetFlags
	Profile string // file name, without ending, for profiles of the natter that is started
	JSON    bool

	listen string // relay-server: address to listen on
	log    io.Writer
}

// Register defines the flags that set o and gives o its defaults.
func (o *Options) Register(fs *flag.FlagSet) {
	fs.IntVar(&o.Pairs, "pairs", 50, "`number` of pairs of clients")
	fs.IntVar(&o.Window, "window", 1, "messages in flight in each pair, a `number`")
	fs.Float64Var(&o.Rate, "rate", 0, "send this `number` of messages a second whatever comes back;\nlatency then counts from the scheduled time")
	fs.StringVar(&o.Until, "until", "", "what takes a message out of the window, `WHAT` is delivered or acked\n(acked with --sm, else delivered)")
	fs.StringVar(&o.To, "to", "full", "address messages to JIDs that are `WHAT`: full or bare")
	fs.IntVar(&o.Size, "size", 254, "`bytes` of a message as it is sent")
	fs.Int64Var(&o.Messages, "messages", 0, "end after this `number` of operations instead of --duration")
	fs.DurationVar(&o.Duration, "duration", 5*time.Second, "measured `time` of one run")
	fs.DurationVar(&o.Warmup, "warmup", time.Second, "`time` under load before measuring")
	fs.DurationVar(&o.Drain, "drain", 10*time.Second, "longest `time` to wait for what is still on the way")
	fs.DurationVar(&o.Every, "every", 0, "print the figures of each interval of this `time`")
	fs.IntVar(&o.Clients, "clients", 0, "`number` of connections (login 16, idle 1000, muc 1000 occupants, presence 100,\noffline 100 absent accounts)")
	fs.IntVar(&o.Senders, "senders", 10, "muc: `number` of occupants that talk")
	fs.IntVar(&o.Per, "per", 100, "offline: `number` of messages for each absent account")
	fs.IntVar(&o.Rooms, "rooms", 100_000, "rooms: `number` of them; what is measured starts on their directory")
	fs.DurationVar(&o.Settle, "settle", 10*time.Second, "idle, rooms: `time` between the last login and reading the memory")
	fs.IntVar(&o.Rush, "rush", 32, "`number` of logins at once while setting up")
	fs.StringVar(&o.Over, "transport", "tcp", "`HOW` clients connect: tcp, ws or bosh")
	fs.StringVar(&o.TLS, "tls", "none", "`HOW` to encrypt: none, starttls or direct")
	fs.BoolVar(&o.SM, "sm", false, "clients use stream management (XEP-0198)")
	fs.StringVar(&o.Mech, "mech", "", "SASL `mechanism` (default the strongest SCRAM offered, else PLAIN)")
	fs.StringVar(&o.Domain, "domain", "localhost", "`domain` of the accounts")
	fs.StringVar(&o.User, "user", "user%d", "`pattern` of account names, %d is 1, 2, 3 ...")
	fs.StringVar(&o.Password, "password", "bench", "`password` of every account, of servers under test only")
	fs.IntVar(&o.Rounds, "rounds", 1, "`number` of rounds; each measures every case once")
	fs.BoolVar(&o.Relay, "relay", false, "measure the relay in each round too")
	fs.BoolVar(&o.NoServe, "no-serve", false, "start no natter, measure only --target")
	fs.StringVar(&o.Archive, "archive", "off", "archive of the natter started: `on|off`")
	fs.BoolVar(&o.Data, "disk", false, "the natter started keeps its data on disk, not in memory")
	fs.StringVar(&o.Serve, "serve", "", "`program` to start instead of this natter, with the same flags")
	fs.StringVar(&o.Flags, "serve-flags", "", "more `flags` for it, separated by spaces")
	fs.Var(&o.Targets, "target", "also measure a server that runs already: `[NAME=]HOST:PORT[,PID]`,\nloopback only; may be repeated")
	fs.StringVar(&o.Profile, "profile", "", "keep profiles of the natter started, the last round's, as `FILE`.cpu\n(idle: FILE.heap)")
	fs.BoolVar(&o.JSON, "json", false, "report as JSON")
	fs.StringVar(&o.listen, "listen", "127.0.0.1:0", "relay-server: `address`")
}

// Upper bounds of a run, so that a slip of the finger does not take the machine down.
const (
	maxClients  = 100_000
	maxDuration = time.Hour
	maxMessages = 1_000_000_000
	maxRooms    = 1_000_000
	maxWindow   = 10_000
	minSize     = 200
	maxSize     = 64 << 10
)

// check fills in what depends on the mode and refuses what makes no sense.
func (o *Options) check(m mode) error {
	if o.Clients == 0 {
		o.Clients = map[string]int{"login": 16, "idle": 1000, "muc": 1000, "presence": 100, "offline": 100}[o.mode]
	}
	if o.Until == "" {
		o.Until = "delivered"
		if o.SM {
			o.Until = "acked"
		}
	}
	switch {
	case o.Pairs < 1 || o.Pairs > maxClients/2:
		return fmt.Errorf("--pairs must be between 1 and %d", maxClients/2)
	case o.Clients < 0 || o.Clients > maxClients:
		return fmt.Errorf("--clients must be between 1 and %d", maxClients)
	case o.Window < 1 || o.Window > maxWindow:
		return fmt.Errorf("--window must be between 1 and %d", maxWindow)
	case o.Rate < 0 || o.Rate > 10e6:
		return errors.New("--rate must be between 0 and 10 million a second")
	case o.Size < minSize || o.Size > maxSize:
		return fmt.Errorf("--size must be between %d and %d", minSize, maxSize)
	case o.Messages < 0 || o.Messages > maxMessages:
		return fmt.Errorf("--messages must be between 0 and %d", maxMessages)
	case o.Duration <= 0 || o.Duration > maxDuration || o.Warmup < 0 || o.Warmup > maxDuration ||
		o.Drain < 0 || o.Drain > maxDuration || o.Settle < 0 || o.Settle > maxDuration:
		return fmt.Errorf("times must be positive and at most %v", maxDuration)
	case o.Per < 1 || o.Per > 1_000_000:
		return errors.New("--per must be between 1 and a million")
	case o.mode == "muc" && (o.Senders < 1 || o.Senders > o.Clients):
		return errors.New("--senders must be between 1 and the number of --clients")
	case o.Rooms < 1 || o.Rooms > maxRooms:
		return fmt.Errorf("--rooms must be between 1 and %d", maxRooms)
	case o.mode == "rooms" && (!o.Data || o.NoServe || len(o.Targets) > 0):
		return errors.New("mode rooms starts natter again on its data: it needs --disk and takes no --target")
	case o.Rush < 1 || o.Rush > 1000:
		return errors.New("--rush must be between 1 and 1000")
	case o.Rounds < 1 || o.Rounds > 1000:
		return errors.New("--rounds must be between 1 and 1000")
	case o.Until != "delivered" && o.Until != "acked":
		return errors.New("--until must be delivered or acked")
	case o.Until == "acked" && !o.SM:
		return errors.New("--until acked needs --sm: without stream management nothing is acknowledged")
	case o.Until == "acked" && o.Rate > 0:
		return errors.New("--rate has no window, so --until acked says nothing; leave one out")
	case o.SM && (o.Relay || o.mode == "relay"):
		return errors.New("the relay knows no stream management; leave --sm or the relay out")
	case o.To != "full" && o.To != "bare":
		return errors.New("--to must be full or bare")
	case o.TLS != "none" && o.TLS != "starttls" && o.TLS != "direct":
		return errors.New("--tls must be none, starttls or direct")
	case o.Over != "tcp" && o.Over != "ws" && o.Over != "bosh":
		return errors.New("--transport must be tcp, ws or bosh")
	case o.Over != "tcp" && (o.Relay || o.mode == "relay"):
		return errors.New("the relay knows TCP only; leave --transport or the relay out")
	case o.Archive != "on" && o.Archive != "off":
		return errors.New("--archive must be on or off")
	case strings.Count(o.User, "%") != 1 || !strings.Contains(o.User, "%d"):
		return errors.New("--user must hold one %d and no other percent sign")
	case o.Relay && !m.relay:
		return fmt.Errorf("mode %s has no relay to compare with", o.mode)
	case o.NoServe && len(o.Targets) == 0 && !o.Relay && o.mode != "relay":
		return errors.New("nothing to measure: --no-serve needs a --target")
	}
	return nil
}

// user returns the name of account i, counted from 1.
func (o *Options) user(i int) string { return fmt.Sprintf(o.User, i) }

// jid returns the bare JID of account i, counted from 1.
func (o *Options) jid(i int) string { return o.user(i) + "@" + o.Domain }

// resource is what every client binds.
const resource = "bench"

// A targetFlag is a server that runs already.
type targetFlag struct {
	name, addr string
	pid        int // 0 when unknown: no CPU and memory figures then
}

// targetFlags collects --target.
type targetFlags []targetFlag

// String implements flag.Value.
func (t *targetFlags) String() string {
	var words []string
	for _, one := range *t {
		words = append(words, one.name)
	}
	return strings.Join(words, " ")
}

// Set implements flag.Value. The value is [NAME=]HOST:PORT[,PID].
func (t *targetFlags) Set(value string) error {
	one := targetFlag{}
	rest := value
	if name, after, ok := strings.Cut(rest, "="); ok {
		one.name, rest = name, after
	}
	addr, pid, ok := strings.Cut(rest, ",")
	if ok {
		n, err := strconv.Atoi(pid)
		if err != nil || n < 1 {
			return fmt.Errorf("%q is no process id", pid)
		}
		one.pid = n
	}
	if err := requireLoopback(addr); err != nil {
		return err
	}
	one.addr = addr
	if one.name == "" {
		one.name = addr
	}
	*t = append(*t, one)
	return nil
}

// requireLoopback refuses an address that is not a literal loopback IP address
// or "localhost", with a port: this tool is not for other people's servers.
func requireLoopback(addr string) error {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return err
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("%q is no port number", port)
	}
	if host == "localhost" {
		return nil
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return fmt.Errorf("%s is not a loopback address, and the load tool talks to no other", host)
	}
	return nil
}
