import { KINDS, type Kind } from "./schema.ts";

/** What of a timeline is asked for; no types says all of them. */
export interface Wanted {
  readonly kinds: readonly Kind[];
  /** Of the interactions; null says all. */
  readonly interactionTypes: readonly string[] | null;
}

/** A list of kinds and of types of interactions, which stand for the kind `interaction`. */
export function wanted(types: readonly string[] | undefined): Wanted {
  if (types === undefined || types.length === 0) return { kinds: KINDS, interactionTypes: null };
  const kinds = KINDS.filter((kind) => types.includes(kind));
  const interactionTypes = [
    ...new Set(types.filter((type) => !KINDS.some((kind) => kind === type))),
  ];
  if (interactionTypes.length === 0 || kinds.includes("interaction")) {
    return { kinds, interactionTypes: null };
  }
  return { kinds: ["interaction", ...kinds], interactionTypes };
}
