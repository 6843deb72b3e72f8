import type { JsonObject } from "@bufbuild/protobuf";
import { importContacts, watchImport } from "../../../tools/testing/api/imports.ts";
import type { Caller, World } from "../../../tools/testing/cases.ts";
import { http1, restClient } from "../../../tools/testing/clients/rest.ts";
import type { Session } from "../../../tools/testing/services.ts";
import type { ContactImport } from "./schema.ts";

type Uploader = Exclude<Caller, "nobody"> | Session;

/** Browsers cannot stream an upload by RPC; what they have uploaded by REST, they follow by RPC. */
export async function upload(world: World, input: JsonObject, by: Uploader = "admin") {
  const { accessToken: token } = typeof by === "string" ? await world.sessionOf(by) : by;
  if (world.client.canUpload) return world.call(importContacts, input, { token });
  return restClient("REST", world.services, () => http1).call(importContacts, input, { token });
}

/** The import of a file, when it has ended. */
export async function imported(
  world: World,
  input: JsonObject,
  by?: Uploader,
): Promise<ContactImport> {
  const outcome = await upload(world, input, by);
  if (!outcome.ok) throw new Error(JSON.stringify(outcome));
  return ended(world, outcome.value.id);
}

export async function ended(world: World, id: string): Promise<ContactImport> {
  const last = (await world.get(watchImport, { id })).at(-1);
  if (last === undefined) throw new Error("nothing was seen of the import");
  return last;
}

/** Distinct people, so that what tests of other clients do is not in the way. */
export function csv(...rows: string[]): string {
  return ["First name,Last name,E-mail,Phone,Company", ...rows, ""].join("\r\n");
}
