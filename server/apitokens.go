package server

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"natter/server/store"
	"natter/stanza"
)

// kindAPIToken is the kind of the documents that hold tokens, under their ids and
// indexed by them, with the account that they speak for.
const kindAPIToken = "apitoken"

// maxAPITokens bounds the tokens of an account.
const maxAPITokens = 100

// apiTokenPrefix is what a token begins with, so that it is known for one where it
// should not be.
const apiTokenPrefix = "natter_"

// APIToken lets a program speak for an account over HTTP. What it is spelled as is
// told once and not kept.
type APIToken struct {
	ID      string    `json:"id"`
	Account string    `json:"account"` // bare JID
	Name    string    `json:"name"`    // what it is for
	Nick    string    `json:"nick"`    // the one it speaks under in rooms; "": any
	Rooms   []string  `json:"rooms"`   // bare JIDs of the rooms it is for; empty: all, and messages to people
	Created time.Time `json:"created"`
}

type storedAPIToken struct {
	APIToken
	Hash string
}

// May reports whether the token is good for a room; the zero JID stands for messages
// to people.
func (k *APIToken) May(room stanza.JID) bool {
	return len(k.Rooms) == 0 || !room.IsZero() && slices.Contains(k.Rooms, room.String())
}

func randomWord(bytes int) string {
	b := make([]byte, bytes)
	rand.Read(b) // never fails
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b))
}

// AddAPIToken makes a token of an account and returns it with its spelling. want says what
// it is for: Name, Nick, Rooms.
func (h *Host) AddAPIToken(ctx context.Context, local string, want APIToken) (APIToken, string, error) {
	if !h.Exists(local) {
		return APIToken{}, "", ErrUnknown
	}
	have, err := h.APITokens(ctx, local)
	if err != nil {
		return APIToken{}, "", err
	}
	if len(have) >= maxAPITokens {
		return APIToken{}, "", stanza.ResourceConstraint("the account has as many tokens as it may; revoke some")
	}
	if len(want.Name) > 200 || len(want.Nick) > 200 || len(want.Rooms) > 100 {
		return APIToken{}, "", stanza.NotAcceptable("the token's name or nick is too long, or it is for too many rooms")
	}
	k := storedAPIToken{APIToken: want}
	k.ID, k.Account, k.Created = randomWord(5), h.account(local), time.Now().UTC().Truncate(time.Second)
	secret := randomWord(20)
	k.Hash = hashOf(secret)
	data, err := json.Marshal(k)
	if err != nil {
		return APIToken{}, "", err
	}
	b := new(store.Batch)
	b.PutNew(store.Doc{Key: h.Key(local, kindAPIToken, k.ID), Index: [2]string{k.ID}, Data: data})
	if err := h.Server.Store.CommitWait(ctx, b); err != nil {
		return APIToken{}, "", err
	}
	return k.APIToken, apiTokenPrefix + k.ID + "_" + secret, nil
}

func hashOf(secret string) string {
	sum := sha256.Sum256([]byte(secret)) // of 160 random bits: nothing to guess
	return hex.EncodeToString(sum[:])
}

// APITokens lists the tokens of an account.
func (h *Host) APITokens(ctx context.Context, local string) ([]APIToken, error) {
	docs, err := h.Server.Store.List(ctx, h.Name, local, kindAPIToken, "", "", maxAPITokens)
	if err != nil {
		return nil, err
	}
	list := []APIToken{}
	for _, doc := range docs {
		var k storedAPIToken
		if err := json.Unmarshal(doc.Data, &k); err != nil {
			return nil, err
		}
		list = append(list, k.APIToken)
	}
	return list, nil
}

// RevokeAPIToken ends a token by its id. The error is ErrUnknown where there is none.
func (h *Host) RevokeAPIToken(ctx context.Context, id string) (APIToken, error) {
	k, doc, err := h.apiToken(ctx, id)
	if err != nil {
		return APIToken{}, err
	}
	b := new(store.Batch)
	b.Delete(doc.Key)
	return k.APIToken, h.Server.Store.CommitWait(ctx, b)
}

func (h *Host) apiToken(ctx context.Context, id string) (k storedAPIToken, doc store.Doc, err error) {
	docs, err := h.Server.Store.FindIndex(ctx, h.Name, kindAPIToken, 0, id, 1)
	if err != nil {
		return k, doc, err
	}
	if len(docs) == 0 {
		return k, doc, ErrUnknown
	}
	return k, docs[0], json.Unmarshal(docs[0].Data, &k)
}

// CheckAPIToken returns the token of that spelling; ok is false when there is none,
// or its account is disabled.
func (h *Host) CheckAPIToken(ctx context.Context, spelling string) (_ APIToken, ok bool, err error) {
	rest, found := strings.CutPrefix(spelling, apiTokenPrefix)
	id, secret, cut := strings.Cut(rest, "_")
	if !found || !cut || len(id) > 20 || len(secret) > 100 {
		return APIToken{}, false, nil
	}
	k, doc, err := h.apiToken(ctx, id)
	if err == ErrUnknown {
		return APIToken{}, false, nil
	}
	if err != nil || subtle.ConstantTimeCompare([]byte(k.Hash), []byte(hashOf(secret))) != 1 {
		return APIToken{}, false, err
	}
	if off, err := h.Disabled(doc.Account); err != nil || off {
		return APIToken{}, false, nil
	}
	return k.APIToken, true, nil
}
