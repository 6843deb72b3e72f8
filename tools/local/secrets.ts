import { generateKeyPairSync, randomBytes } from "node:crypto";
import { chmod, mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** What only this computer's user may know; made once and then kept. */
export interface Secrets {
  readonly ownerPassword: string;
  readonly appPassword: string;
  readonly cursorSecret: string;
  readonly encryptionSecret: string;
  /** A PEM file (PKCS #8) with the RSA key that signs access tokens. */
  readonly signingKeyFile: string;
  /** A PEM file with public keys (SPKI) whose tokens are accepted besides; empty but in a rotation. */
  readonly acceptedKeysFile: string;
}

/** Reads the secrets from files of mode 0600 in `directory`, and makes those that are not there. */
export async function keepSecrets(directory: string): Promise<Secrets> {
  await mkdir(directory, { recursive: true });
  await chmod(directory, 0o700);
  const { signingKeyFile, acceptedKeysFile } = tokenKeyFiles(directory);
  await keep(signingKeyFile, newSigningKey);
  await keep(acceptedKeysFile, () => "");
  return {
    ownerPassword: await keep(join(directory, "crm_owner.password"), newPassword),
    appPassword: await keep(join(directory, "crm_app.password"), newPassword),
    cursorSecret: await keep(join(directory, "cursor.secret"), newPassword),
    encryptionSecret: await keep(join(directory, "encryption.secret"), newPassword),
    signingKeyFile,
    acceptedKeysFile,
  };
}

/** Where the keys of access tokens are kept. */
export function tokenKeyFiles(
  directory: string,
): Pick<Secrets, "signingKeyFile" | "acceptedKeysFile"> {
  return {
    signingKeyFile: join(directory, "token-signing.pem"),
    acceptedKeysFile: join(directory, "token-accepted.pem"),
  };
}

/** 256 random bits as 43 characters that are safe in URLs, SQL and shells. */
export function newPassword(): string {
  return randomBytes(32).toString("base64url");
}

async function keep(file: string, make: () => string): Promise<string> {
  const kept = await readFile(file, "utf8").catch(() => null);
  if (kept !== null) return kept;
  const made = make();
  // Renamed when it is whole: an interruption must not leave an empty secret behind.
  const unfinished = `${file}.${process.pid}`;
  await writeFile(unfinished, made, { mode: 0o600 });
  await rename(unfinished, file);
  return made;
}

/** An RSA key that signs access tokens, as PEM (PKCS #8). */
export function newSigningKey(): string {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  return privateKey.export({ type: "pkcs8", format: "pem" }).toString();
}
