import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import type { ApiOperation } from "../../testing/api/operation.ts";
import { type Kind, type Owner, RESOURCES, unique } from "./resources.ts";

/** An operation with a valid input. */
export interface Described {
  readonly operation: ApiOperation<unknown>;
  /**
   * A permission of the table; or to be signed in by whatever credential, or as a person and no
   * program; or nothing.
   */
  readonly needs: `${string}:${string}` | "signedIn" | "person" | "nothing";
  /**
   * `{contact}` stands for the id of one, and so on for every kind of resource; `{new}`, within a
   * text, for what was never there before; `{theirWord}` for what another tenant's texts contain.
   */
  readonly input: JsonObject;
  /** Makes ids that belong together, such as a contact's and that of a change of it, by their paths. */
  readonly together?: (owner: Owner) => Promise<Ids>;
  /** The codes with which it may also answer those who may ask it, because of the state of things. */
  readonly refusals?: readonly string[];
  /** By kind, the permission that says whose resources it may name; without it, `needs` does. */
  readonly reach?: Partial<Readonly<Record<Kind, `${string}:${string}`>>>;
  /** Says that ids are filters: one that does not exist makes the answer empty. */
  readonly filters?: true;
  /** Says that whoever does it is signed out, at least if it is done to themselves. */
  readonly signsOut?: true;
}

/** What stands in an input's holes, by their paths. */
export type Ids = Readonly<Record<string, string>>;

/** Where in an input an id stands, and what of. */
export interface Hole {
  readonly path: string;
  readonly kind: Kind;
}

/** The places of an input where ids stand, such as `contact.ownerUserId`. */
export function holesOf({ input }: Pick<Described, "input">): readonly Hole[] {
  const holes: Hole[] = [];
  fill(input, "", (text, path) => {
    const kind = kindOf(text);
    if (kind !== undefined) holes.push({ path, kind });
    return text;
  });
  return holes;
}

/** The input with an id in each of its holes. */
export function inputWith(
  { input }: Described,
  theirWord: string,
  idFor: (hole: Hole) => string,
): JsonObject {
  const filled = fill(input, "", (text, path) => {
    const kind = kindOf(text);
    if (kind !== undefined) return idFor({ path, kind });
    return text.replaceAll("{new}", unique()).replaceAll("{theirWord}", theirWord);
  });
  // An object is made of an object.
  return filled as JsonObject;
}

function kindOf(text: string): Kind | undefined {
  // The keys of RESOURCES are its own.
  return (Object.keys(RESOURCES) as Kind[]).find((kind) => text === `{${kind}}`);
}

function fill(
  value: JsonValue,
  path: string,
  text: (value: string, path: string) => string,
): JsonValue {
  if (typeof value === "string") return text(value, path);
  if (Array.isArray(value)) return value.map((each, at) => fill(each, `${path}[${at}]`, text));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => [
      name,
      fill(each, path === "" ? name : `${path}.${name}`, text),
    ]),
  );
}
