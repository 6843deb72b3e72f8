import { createPublicKey } from "node:crypto";
import { access, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Fault } from "./fault.ts";
import { newSigningKey, tokenKeyFiles } from "./secrets.ts";

/**
 * The three steps in which the key that signs access tokens is replaced, in the directory where the
 * secrets are kept. Between two of them every instance of user-svc has to read the files anew. Each
 * may be repeated if it was interrupted, and throws a Fault if it is not its turn.
 */
export const rotation = { publish, sign, retire };

/** Makes a new key, and has every instance accept it, before anything is signed with it. */
async function publish(directory: string): Promise<void> {
  const { signingKeyFile, acceptedKeysFile, next } = await keysIn(directory);
  if (!(await exists(next))) await replace(next, newSigningKey());
  const accepted = await Promise.all([signingKeyFile, next].map(publicKeyOf));
  await replace(acceptedKeysFile, accepted.join(""));
}

/** Signs with the new key from now on. Tokens of the old one are still accepted. */
async function sign(directory: string): Promise<void> {
  const { signingKeyFile, acceptedKeysFile, next } = await keysIn(directory);
  const accepted = await readFile(acceptedKeysFile, "utf8").catch(() => "");
  if (!(await exists(next)) || !accepted.includes(await publicKeyOf(next))) {
    throw new Fault(`No new key has been published in ${directory}: the step before is "publish".`);
  }
  await rename(next, signingKeyFile);
}

/** Accepts the old key no more. */
async function retire(directory: string): Promise<void> {
  const { acceptedKeysFile, next } = await keysIn(directory);
  if (await exists(next)) {
    throw new Fault(`The new key in ${directory} does not sign yet: the step before is "sign".`);
  }
  await replace(acceptedKeysFile, "");
}

async function keysIn(directory: string) {
  const files = { ...tokenKeyFiles(directory), next: join(directory, "token-next.pem") };
  if (await exists(files.signingKeyFile)) return files;
  throw new Fault(`There is no ${files.signingKeyFile}: name the directory where the keys are.`);
}

async function publicKeyOf(privateKeyFile: string): Promise<string> {
  const key = createPublicKey(await readFile(privateKeyFile, "utf8"));
  return key.export({ format: "pem", type: "spki" }).toString();
}

async function replace(file: string, content: string): Promise<void> {
  const unfinished = `${file}.${process.pid}`;
  await writeFile(unfinished, content, { mode: 0o600 });
  await rename(unfinished, file);
}

async function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}
