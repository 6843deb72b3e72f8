import { resolve } from "node:path";
import { Fault } from "./local/fault.ts";
import { rotation } from "./local/signing-keys.ts";
import { say } from "./local/terminal.ts";

const USAGE = `bun tools/keys.ts publish|sign|retire DIRECTORY

Replaces the key that signs access tokens, in three steps, without a request being refused: "publish"
a new key, then "sign" with it, then "retire" the old one. DIRECTORY holds token-signing.pem
(JWT_SIGNING_KEY_FILE) and token-accepted.pem (JWT_ACCEPTED_KEYS_FILE). See docs/key-rotation.md.`;

const NEXT_STEP = {
  publish: `There is a new key, which signs nothing yet.
Next: restart the instances of user-svc one after the other, so that all accept it; then "sign".`,
  sign: `The new key signs.
Next: restart the instances of user-svc one after the other. Fifteen minutes after the last one
(ACCESS_TOKEN_SECONDS) no token of the old key is left; then "retire".`,
  retire: `The old key is accepted no more.
Next: restart the instances of user-svc one after the other.`,
};

async function main(step = "", directory = ""): Promise<void> {
  if (!isStep(step) || directory === "") throw new Fault(USAGE);
  await rotation[step](resolve(directory));
  say(NEXT_STEP[step]);
}

function isStep(word: string): word is keyof typeof NEXT_STEP {
  return Object.hasOwn(NEXT_STEP, word);
}

try {
  await main(...process.argv.slice(2));
} catch (error) {
  if (!(error instanceof Fault)) throw error;
  say(error.message);
  process.exitCode = 1;
}
