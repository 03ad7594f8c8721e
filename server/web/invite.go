package web

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"errors"
	"html/template"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"natter/server"
	"natter/stanza"

	"rsc.io/qr"
)

// The page of an invitation (XEP-0401 §5.2, XEP-0379 §3.3): who invites and to what, the
// link for chat programs, and a form that makes the account. It works without scripts.
var (
	//go:embed invite/page.html
	invitePage string
	//go:embed invite/style.css
	inviteStyle string

	inviteTemplate = template.Must(template.New("invite").Parse(invitePage))
)

// leastPassword is how long a password is at least, in characters.
const leastPassword = 8

// maxForm bounds the form in bytes.
const maxForm = 16 << 10

// invitePolicy lets the page load its own style and icon, send its form here, and
// nothing else.
var invitePolicy = func() string {
	sum := sha256.Sum256([]byte(inviteStyle))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
}()

// inviteView is what the page shows.
type inviteView struct {
	W       *inviteWords
	Style   template.CSS
	Title   string
	Problem string
	Gone    bool // there is nothing to be done with it
	Apps    []app

	// Of an invitation that is good.
	Intro, Domain, Until string
	URI                  template.URL
	URIText              string
	QR                   qrPath
	Account, Insecure    bool
	Name                 string
	Fixed                bool
	BadName, BadPassword bool
	PasswordHelp         string
	Least                int

	Made, MadeText string // the account that was made
}

// invitation is an invitation that was asked for.
type invitation struct {
	server.Invitation
	host   *server.Host
	token  string
	makes  bool // an account can be made with it
	secure bool // a password may be sent here
}

func (s *Site) mountInvite(mux *http.ServeMux) {
	mux.HandleFunc("GET /invite/{token}", s.serveInvite)
	mux.HandleFunc("POST /invite/{token}", s.signUp)
}

// protectInvite sets what keeps the page, and the token in its address, to itself.
func protectInvite(head http.Header) {
	head.Set("Content-Security-Policy", invitePolicy)
	head.Set("Referrer-Policy", "no-referrer")
	head.Set("Cache-Control", "no-store")
	head.Set("X-Content-Type-Options", "nosniff")
	head.Set("X-Robots-Tag", "noindex, nofollow")
	head.Set("Cross-Origin-Opener-Policy", "same-origin")
	head.Set("Permissions-Policy", "geolocation=(), camera=(), microphone=()")
}

// findInvite finds the invitation that a request names, of whichever host it is: the
// public address stands for all of them. It answers itself where there is none that is
// good.
func (s *Site) findInvite(w http.ResponseWriter, r *http.Request, words *inviteWords) (*invitation, bool) {
	token, via, own := r.PathValue("token"), s.via(r), s.host(r)
	v := &invitation{token: token, secure: via.TLS != nil || via.Proxied || via.Local}
	if !own.MayShowToken(via.Addr) {
		s.noInvite(w, words, http.StatusTooManyRequests, words.Guessing)
		return nil, false
	}
	hosts := []*server.Host{own}
	for _, name := range s.core.Config.Domains {
		if h := s.core.Host(name); h != nil && h != own {
			hosts = append(hosts, h)
		}
	}
	err := server.ErrNoInvitation
	for _, h := range hosts {
		if v.Invitation, v.makes, err = h.Invitation(r.Context(), token); !errors.Is(err, server.ErrNoInvitation) {
			v.host = h
			break
		}
	}
	if err == nil {
		return v, true
	}
	if errors.Is(err, server.ErrNoInvitation) {
		own.ShownWrongToken(via.Addr)
	}
	if !s.badInvite(w, words, err) {
		s.core.Log.Error("invitation not looked up", "err", err)
		s.noInvite(w, words, http.StatusInternalServerError, words.Failed)
	}
	return nil, false
}

// badInvite answers for an invitation that is not good; false when the error is not about
// that.
func (s *Site) badInvite(w http.ResponseWriter, words *inviteWords, err error) bool {
	switch {
	case errors.Is(err, server.ErrNoInvitation):
		s.noInvite(w, words, http.StatusNotFound, words.NotValid)
	case errors.Is(err, server.ErrInvitationUsed):
		s.noInvite(w, words, http.StatusGone, words.Used)
	case errors.Is(err, server.ErrInvitationExpired):
		s.noInvite(w, words, http.StatusGone, words.Expired)
	default:
		return false
	}
	return true
}

func (s *Site) noInvite(w http.ResponseWriter, words *inviteWords, status int, why string) {
	s.writeInvite(w, status, &inviteView{W: words, Title: why, Gone: true})
}

// writeInvite writes the page.
func (s *Site) writeInvite(w http.ResponseWriter, status int, v *inviteView) {
	v.Style = template.CSS(inviteStyle)
	var page bytes.Buffer
	if err := inviteTemplate.Execute(&page, v); err != nil {
		s.core.Log.Error("page of an invitation not made", "err", err)
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	head := w.Header()
	protectInvite(head)
	head.Set("Content-Type", "text/html; charset=utf-8")
	head.Set("Content-Language", v.W.Lang)
	head.Set("Vary", "Accept-Language")
	if status == http.StatusTooManyRequests {
		head.Set("Retry-After", "300")
	}
	w.WriteHeader(status)
	w.Write(page.Bytes())
}

// view describes an invitation that is good.
func (v *invitation) view(r *http.Request, words *inviteWords) *inviteView {
	uri := v.host.URI(&v.Invitation, v.token)
	out := &inviteView{
		W: words, Apps: appsFor(r, words), Domain: v.host.Name, URI: template.URL(uri), URIText: uri, QR: qrOf(uri),
		Account: v.makes, Insecure: !v.secure, Name: v.Name, Fixed: v.Name != "", Least: leastPassword,
		PasswordHelp: fill(words.PasswordHelp, "least", strconv.Itoa(leastPassword)),
		Until:        fill(words.Until, "until", v.Expires.UTC().Format("2006-01-02 15:04 MST")),
	}
	who := v.Inviter
	if who == "" && len(v.Contacts) > 0 {
		who = v.Contacts[0]
	}
	switch {
	case !v.makes:
		out.Title, out.Intro = words.TitleContact, words.IntroContact
	case who == "":
		out.Title, out.Intro = words.TitleTo, words.Intro
	case len(v.Contacts) > 0:
		out.Title, out.Intro = words.TitleFrom, words.IntroFrom
	default:
		out.Title, out.Intro = words.TitleFrom, words.Intro
	}
	out.Title = fill(out.Title, "inviter", who, "domain", v.host.Name)
	out.Intro = fill(out.Intro, "inviter", who, "domain", v.host.Name)
	return out
}

func (s *Site) serveInvite(w http.ResponseWriter, r *http.Request) {
	words := wordsFor(r)
	if v, ok := s.findInvite(w, r, words); ok {
		s.writeInvite(w, http.StatusOK, v.view(r, words))
	}
}

// ownPage reports whether a form was sent by a page of this site. The page is asked to
// send no referrer, and with it goes the origin, but for what the browser says of the
// site that it came from.
func (s *Site) ownPage(r *http.Request) bool {
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" {
		return false
	}
	origin := r.Header.Get("Origin")
	return origin == "" || origin == "null" || s.sameOrigin(r, origin)
}

// signUp makes the account that the form asks for.
func (s *Site) signUp(w http.ResponseWriter, r *http.Request) {
	words := wordsFor(r)
	v, ok := s.findInvite(w, r, words)
	if !ok {
		return
	}
	page := v.view(r, words)
	refuse := func(status int, problem string) {
		page.Problem = problem
		s.writeInvite(w, status, page)
	}
	switch {
	case !s.ownPage(r):
		refuse(http.StatusForbidden, words.Elsewhere)
		return
	case !v.secure:
		refuse(http.StatusForbidden, words.Insecure)
		return
	case !v.makes:
		refuse(http.StatusForbidden, words.NotValid)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		refuse(http.StatusBadRequest, words.Failed)
		return
	}
	name, password := strings.TrimSpace(r.PostForm.Get("name")), r.PostForm.Get("password")
	if n, ok := strings.CutSuffix(name, "@"+v.host.Name); ok {
		name = n
	}
	if !page.Fixed && len(name) <= 1023 {
		page.Name = name
	}
	switch problem := passwordProblem(words, name, password, r.PostForm.Get("again")); {
	case name == "":
		page.BadName = true
		refuse(http.StatusUnprocessableEntity, words.NoName)
		return
	case problem != "":
		page.BadPassword = true
		refuse(http.StatusUnprocessableEntity, problem)
		return
	case !v.host.AllowSignUp(s.via(r).Addr):
		refuse(http.StatusTooManyRequests, words.Busy)
		return
	}
	s.makeInvited(w, r, v, page, name, password)
}

// passwordProblem says what is wrong with a new password, "" for nothing.
func passwordProblem(words *inviteWords, name, password, again string) string {
	switch {
	case utf8.RuneCountInString(password) < leastPassword:
		return fill(words.TooShort, "least", strconv.Itoa(leastPassword))
	case strings.EqualFold(password, name):
		return words.IsName
	case password != again:
		return words.Differ
	}
	return ""
}

// makeInvited makes the account and says what has come of it.
func (s *Site) makeInvited(w http.ResponseWriter, r *http.Request, v *invitation, page *inviteView, name, password string) {
	words := page.W
	inv, err := v.host.ShowInvitation(r.Context(), v.token, s.via(r).Addr)
	local := ""
	if err == nil {
		local, err = v.host.SignUp(r.Context(), inv, name, password)
	}
	if err == nil {
		page.Made = local + "@" + v.host.Name
		page.Title, page.MadeText = words.TitleMade, words.Made
		if len(v.Contacts) > 0 {
			page.MadeText = fill(words.MadeContact, "contacts", strings.Join(v.Contacts, ", "))
		}
		s.writeInvite(w, http.StatusOK, page)
		return
	}
	if s.badInvite(w, words, err) {
		return
	}
	var bad *stanza.Error
	status := http.StatusServiceUnavailable
	switch {
	case errors.Is(err, server.ErrExists):
		status, page.Problem, page.BadName = http.StatusConflict, words.Taken, true
	case errors.Is(err, server.ErrBadPassword):
		status, page.Problem, page.BadPassword = http.StatusUnprocessableEntity, words.BadPassword, true
	case errors.As(err, &bad) && bad.Condition == "not-acceptable":
		status, page.Problem, page.BadName = http.StatusUnprocessableEntity, words.BadName, true
	case errors.As(err, &bad) && bad.Condition == "policy-violation":
		status, page.Problem = http.StatusTooManyRequests, words.Guessing
	default:
		s.core.Log.Error("invited account not made", "err", err)
		page.Problem = words.Failed
	}
	s.writeInvite(w, status, page)
}

// qrPath is a QR code as SVG draws it: a square of so many modules, with the quiet zone.
type qrPath struct {
	Side int
	Path string
}

// qrOf makes the code of a text, each run of dark modules of a row a rectangle.
func qrOf(text string) qrPath {
	const quiet = 4
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		return qrPath{} // too long for any
	}
	var b []byte
	for y := range code.Size {
		for x := 0; x < code.Size; x++ {
			from := x
			for x < code.Size && code.Black(x, y) {
				x++
			}
			if x > from {
				n := strconv.Itoa(x - from)
				b = append(b, "M"+strconv.Itoa(from+quiet)+" "+strconv.Itoa(y+quiet)+"h"+n+"v1h-"+n+"z"...)
			}
		}
	}
	return qrPath{code.Size + 2*quiet, string(b)}
}
