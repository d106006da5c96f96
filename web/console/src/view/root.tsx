import { app } from "../model/app.ts";
import { Shell } from "./shell.tsx";
import { SignInPage } from "./sign-in.tsx";

export function Root() {
  const inbox = app.inbox.value;
  return inbox ? <Shell inbox={inbox} /> : <SignInPage />;
}
