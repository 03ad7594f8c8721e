// The page: a public room for guests, or the account's chats.
import { render } from "preact";
import { App } from "./ui/App";

render(<App />, document.getElementById("app")!);
