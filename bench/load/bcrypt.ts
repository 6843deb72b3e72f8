import type { Lanes } from "./generator.ts";

export interface BcryptLoad {
  readonly kind: "bcrypt";
  readonly cost: number;
}

/** Checks of a password by Bun's bcrypt, and nothing else; it has threads of its own for that. */
export async function bcryptLanes({ cost }: BcryptLoad, lanes: number): Promise<Lanes> {
  const password = "plum-anchor-tulip-42";
  const hash = await Bun.password.hash(password, { algorithm: "bcrypt", cost });
  const send = async (): Promise<void> => {
    if (!(await Bun.password.verify(password, hash)))
      throw new Error("the password is the right one");
  };
  return { lanes: Array.from({ length: lanes }, () => send), close: async () => {} };
}
