import { render } from "preact";
import { app, followUnread } from "./model/app.ts";
import { applyPrefs } from "./model/prefs.ts";
import { storedSignIn } from "./model/session.ts";
import { Root } from "./view/root.tsx";
import "./style/base.css";
import "./style/sign-in.css";
import "./style/shell.css";
import "./style/list.css";
import "./style/cluster.css";
import "./style/overlays.css";

applyPrefs();
followUnread();
const signIn = storedSignIn();
if (signIn) app.enter(signIn);
render(<Root />, document.getElementById("app")!);
