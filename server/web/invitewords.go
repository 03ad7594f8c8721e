package web

import (
	"net/http"
	"strings"

	"golang.org/x/text/language"
)

// inviteWords are the words of the page of an invitation in one language. {name}s are
// filled in.
type inviteWords struct {
	Code, Lang                       string // of the query, and as HTML wants it
	OtherCode, OtherLang, OtherName  string
	TitleFrom, TitleTo, TitleContact string
	Intro, IntroFrom, IntroContact   string
	Here, Insecure                   string
	Name, NameHelp, NameFixed        string
	Password, PasswordHelp, Again    string
	Create                           string
	InApp, AddInApp, InAppHelp, Open string
	QR, AsText                       string
	Apps, AppsHelp                   string
	Until                            string
	TitleMade, Made, MadeContact     string
	OpenChat                         string
	OtherClient, OtherClientHelp     string

	NotValid, Used, Expired, GoneHelp     string
	Taken, BadName, BadPassword, TooShort string
	IsName, Differ, NoName, Busy, Failed  string
	Guessing, Elsewhere                   string
	Phone, Apple, Desktop, Everywhere     string
}

var inviteEnglish = &inviteWords{
	Code: "en", Lang: "en", OtherCode: "zh", OtherLang: "zh-Hans", OtherName: "中文",
	TitleFrom: "{inviter} invites you to {domain}", TitleTo: "You are invited to {domain}", TitleContact: "{inviter} wants to be in touch with you",
	Intro:        "With an account at {domain} you chat with everybody who has one there, in this browser or in any program for XMPP. All you need is a name and a password.",
	IntroFrom:    "With an account at {domain} you chat with {inviter}, in this browser or in any program for XMPP. You will be each other's contacts from the start. All you need is a name and a password.",
	IntroContact: "Open the link in the chat program where you have an account. You and {inviter} become each other's contacts at once.",
	Here:         "Make your account here", Insecure: "This page did not come over an encrypted connection, so it takes no password. Open it with https:// in front, or use a chat program.",
	Name: "Name", NameHelp: "It is part of your address, and cannot be changed later.", NameFixed: "The invitation is for this name.",
	Password: "Password", PasswordHelp: "{least} characters or more. Nobody can tell it to you again: keep it somewhere safe.", Again: "The password again",
	Create: "Make the account",
	InApp:  "Or in a chat program", AddInApp: "In your chat program", InAppHelp: "If one is installed, this link opens it. On a phone you can read the code with it instead.", Open: "Open in a chat program",
	QR: "The invitation's code, to be read with a phone", AsText: "The link as text, to be copied",
	Apps: "Chat programs", AppsHelp: "Any program for XMPP will do. Install one, then come back to this page.",
	Until:     "The invitation is good until {until}.",
	TitleMade: "Welcome", Made: "Your account is there. This is your address, by which people reach you:", MadeContact: "Your account is there, and {contacts} is your contact. This is your address, by which people reach you:",
	OpenChat:    "Chat in this browser",
	OtherClient: "With another program", OtherClientHelp: "Choose to log in with an account you have, and give this address and the password.",

	NotValid: "This invitation is not valid.", Used: "This invitation has been used already.", Expired: "This invitation has expired.",
	GoneHelp: "Ask who sent it to you for another one.",
	Taken:    "Somebody has that name already. Choose another one.", BadName: "That cannot be a name: use letters, digits, dots and dashes, without spaces.",
	BadPassword: "That password cannot be used: leave out tabs and the like.", TooShort: "The password is too short: it takes {least} characters or more.", IsName: "The password must not be the name.",
	Differ: "The two passwords are not the same.", NoName: "Choose a name.",
	Busy: "Too many accounts were made from where you are. Try again in some minutes.", Failed: "The server could not do it just now. Try again later.",
	Guessing: "Too many wrong invitations came from where you are. Try again later.", Elsewhere: "That came from another page. Open the invitation's link and fill in the form there.",
	Phone: "Android", Apple: "iPhone, iPad, Mac", Desktop: "Windows, Linux", Everywhere: "Linux",
}

var inviteChinese = &inviteWords{
	Code: "zh", Lang: "zh-Hans", OtherCode: "en", OtherLang: "en", OtherName: "English",
	TitleFrom: "{inviter} 邀请您加入 {domain}", TitleTo: "邀请您加入 {domain}", TitleContact: "{inviter} 想和您保持联系",
	Intro:        "有了 {domain} 的账号，您就可以在此浏览器或任何 XMPP 软件中与那里的所有人聊天。只需要一个用户名和一个密码。",
	IntroFrom:    "有了 {domain} 的账号，您就可以在此浏览器或任何 XMPP 软件中与 {inviter} 聊天。你们从一开始就互为联系人。只需要一个用户名和一个密码。",
	IntroContact: "请在您已有账号的聊天软件中打开此链接。您和 {inviter} 会立即互为联系人。",
	Here:         "在这里创建账号", Insecure: "此页面不是通过加密连接打开的，因此不接受密码。请用 https:// 打开，或使用聊天软件。",
	Name: "用户名", NameHelp: "它是您地址的一部分，以后不能更改。", NameFixed: "此邀请只适用于这个用户名。",
	Password: "密码", PasswordHelp: "至少 {least} 个字符。没有人能再告诉您密码，请妥善保存。", Again: "再次输入密码",
	Create: "创建账号",
	InApp:  "或者使用聊天软件", AddInApp: "在您的聊天软件中", InAppHelp: "如果已安装聊天软件，此链接会打开它。在手机上也可以用它扫描二维码。", Open: "在聊天软件中打开",
	QR: "邀请的二维码，用手机扫描", AsText: "文本链接，供复制",
	Apps: "聊天软件", AppsHelp: "任何 XMPP 软件都可以。安装一个，然后回到此页面。",
	Until:     "邀请有效期至 {until}。",
	TitleMade: "欢迎", Made: "您的账号已创建。这是您的地址，别人通过它联系您：", MadeContact: "您的账号已创建，{contacts} 已是您的联系人。这是您的地址，别人通过它联系您：",
	OpenChat:    "在此浏览器中聊天",
	OtherClient: "使用其他软件", OtherClientHelp: "选择用已有账号登录，并填写此地址和密码。",

	NotValid: "此邀请无效。", Used: "此邀请已被使用。", Expired: "此邀请已过期。",
	GoneHelp: "请向邀请您的人索取新的邀请。",
	Taken:    "这个用户名已有人使用，请换一个。", BadName: "这不能用作用户名：请使用字母、数字、点和短横线，不要有空格。",
	BadPassword: "此密码不能使用：请不要包含制表符之类的字符。", TooShort: "密码太短：至少需要 {least} 个字符。", IsName: "密码不能与用户名相同。",
	Differ: "两次输入的密码不一致。", NoName: "请选择一个用户名。",
	Busy: "从您所在的网络创建的账号太多，请几分钟后再试。", Failed: "服务器暂时无法完成，请稍后再试。",
	Guessing: "从您所在的网络来了太多错误的邀请，请稍后再试。", Elsewhere: "此请求来自其他页面。请打开邀请链接并在那里填写表单。",
	Phone: "Android", Apple: "iPhone、iPad、Mac", Desktop: "Windows、Linux", Everywhere: "Linux",
}

var inviteLanguages = language.NewMatcher([]language.Tag{language.English, language.Chinese})

// wordsFor returns the words in the language that a request asks for: by its query, or
// its Accept-Language.
func wordsFor(r *http.Request) *inviteWords {
	switch r.URL.Query().Get("lang") {
	case "en":
		return inviteEnglish
	case "zh":
		return inviteChinese
	}
	header := r.Header.Get("Accept-Language")
	if len(header) > 200 {
		return inviteEnglish
	}
	if _, i := language.MatchStrings(inviteLanguages, header); i == 1 {
		return inviteChinese
	}
	return inviteEnglish
}

// fill puts values into a text in place of their names in braces.
func fill(text string, values ...string) string {
	for i := 0; i < len(values); i += 2 {
		values[i] = "{" + values[i] + "}"
	}
	return strings.NewReplacer(values...).Replace(text)
}

// app is a program that is recommended (XEP-0401 §5.2).
type app struct{ Name, URL, For string }

// appsFor returns programs, those for the device that asks first.
func appsFor(r *http.Request, w *inviteWords) []app {
	android := []app{{"Conversations", "https://conversations.im/", w.Phone}, {"Cheogram", "https://cheogram.com/", w.Phone}}
	apple := []app{{"Monal", "https://monal-im.org/", w.Apple}}
	desktop := []app{{"Gajim", "https://gajim.org/", w.Desktop}, {"Dino", "https://dino.im/", w.Everywhere}}
	agent := r.UserAgent()
	switch {
	case strings.Contains(agent, "Android"):
		return append(append(android, desktop...), apple...)
	case strings.Contains(agent, "iPhone"), strings.Contains(agent, "iPad"), strings.Contains(agent, "Macintosh"):
		return append(append(apple, android...), desktop...)
	}
	return append(append(desktop, android...), apple...)
}
