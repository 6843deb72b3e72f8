import {
  EARLIEST,
  type InteractionFields,
  type InteractionType,
  type InteractionValues,
  MAX_AHEAD_MS,
  MAX_METADATA,
  MAX_TASK_AHEAD_MS,
  type MissingField,
  OUTCOMES,
} from "./schema.ts";

/** A value of a field that cannot be accepted. */
interface Fault {
  readonly path: string;
  readonly code: string;
  readonly message: string;
}

/** Of these types, how long one took matters; unless it ended in a way that takes no time. */
const TIMED: Partial<Record<InteractionType, readonly string[]>> = {
  call: ["voicemail", "noAnswer", "busy", "declined", "wrongNumber"],
  meeting: ["noShow", "cancelled", "rescheduled"],
};

/** What somebody has to find out before an interaction says all that it should. */
export function missingOf({
  type,
  contactId,
  outcome,
  durationSeconds,
}: Pick<InteractionValues, "type" | "contactId" | "outcome" | "durationSeconds">): MissingField[] {
  const timeless = TIMED[type];
  const timed = timeless !== undefined && (outcome === null || !timeless.includes(outcome));
  return [
    ...(contactId === null ? (["contactId"] as const) : []),
    ...(type === "call" && outcome === null ? (["outcome"] as const) : []),
    ...(timed && durationSeconds === null ? (["durationSeconds"] as const) : []),
  ];
}

/** A new interaction's values. It happens now unless it is said, and a task is open. */
export function newInteraction(
  fields: InteractionFields & { readonly type: InteractionType },
  now: Date,
): InteractionValues {
  const blank: InteractionValues = {
    type: fields.type,
    direction: null,
    contactId: null,
    participant: null,
    subject: null,
    body: null,
    occurredAt: now.toISOString(),
    durationSeconds: null,
    outcome: null,
    metadata: {},
  };
  const values = applyPatch(blank, fields);
  return values.type === "task" && values.outcome === null
    ? { ...values, outcome: "open" }
    : values;
}

/** Applies a merge patch (RFC 7396): absent stays, null clears. */
export function applyPatch(values: InteractionValues, patch: InteractionFields): InteractionValues {
  const { participant, metadata, occurredAt, ...rest } = patch;
  const given = Object.entries(rest).filter(([, value]) => value !== undefined);
  return {
    ...values,
    ...Object.fromEntries(given),
    ...(occurredAt !== undefined && { occurredAt: occurredAt.toISOString() }),
    ...(participant !== undefined && {
      participant: patchParticipant(values.participant, participant),
    }),
    ...(metadata !== undefined && {
      // What is merged into an object is one.
      metadata: merge(values.metadata, metadata ?? {}, metadata === null) as Metadata,
    }),
  };
}

function patchParticipant(
  participant: InteractionValues["participant"],
  patch: NonNullable<InteractionFields["participant"]> | null,
): InteractionValues["participant"] {
  if (patch === null) return null;
  const given = Object.entries(patch).filter(([, value]) => value !== undefined);
  const blank = { name: null, email: null, phone: null };
  const patched = { ...blank, ...participant, ...Object.fromEntries(given) };
  return Object.values(patched).some((value) => value !== null) ? patched : null;
}

type Metadata = InteractionValues["metadata"];
type Json = Metadata[string];

function merge(target: Json | undefined, patch: Json, afresh = false): Json {
  if (!isObject(patch)) return patch;
  const merged = new Map(isObject(target) && !afresh ? Object.entries(target) : []);
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) merged.delete(key);
    else merged.set(key, merge(merged.get(key), value));
  }
  return Object.fromEntries(merged);
}

function isObject(value: Json | undefined): value is { [key: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** What of the values cannot be accepted; of an old interaction, what of its changed fields. */
export function faultsOf(
  values: InteractionValues,
  before: InteractionValues | null,
  now: Date,
): Fault[] {
  const changed = (...names: (keyof InteractionValues)[]): boolean =>
    before === null || names.some((name) => !Bun.deepEquals(before[name], values[name]));
  return [
    ...(changed("type", "outcome") ? outcomeFault(values) : []),
    ...(changed("type", "occurredAt") ? timeFault(values, now) : []),
    ...(changed("metadata") ? metadataFault(values.metadata) : []),
  ];
}

function outcomeFault({ type, outcome }: InteractionValues): Fault[] {
  const offered: readonly string[] = OUTCOMES[type];
  if (outcome === null || offered.includes(outcome)) return [];
  const message =
    offered.length === 0
      ? `must not be there: an interaction of the type ${type} has no outcome`
      : `must be one of ${offered.join(", ")} for the type ${type}`;
  return [{ path: "outcome", code: "not_offered", message }];
}

function timeFault({ type, occurredAt }: InteractionValues, now: Date): Fault[] {
  const at = Date.parse(occurredAt);
  const ahead = type === "task" ? MAX_TASK_AHEAD_MS : MAX_AHEAD_MS;
  if (at < EARLIEST) {
    return [{ path: "occurredAt", code: "too_early", message: "must not be before 1970" }];
  }
  if (at <= now.getTime() + ahead) return [];
  const message = `must be at most ${type === "task" ? "five years" : "a day"} ahead`;
  return [{ path: "occurredAt", code: "too_late", message }];
}

function metadataFault(metadata: Metadata): Fault[] {
  const { depth, keys, bytes } = MAX_METADATA;
  const fault = (code: string, message: string): Fault[] => [{ path: "metadata", code, message }];
  const size = measure(metadata);
  if (size.depth > depth) return fault("too_deep", `must have at most ${depth} levels`);
  if (size.keys > keys) return fault("too_many_keys", `must have at most ${keys} keys in all`);
  return Buffer.byteLength(JSON.stringify(metadata)) > bytes
    ? fault("too_big", `must have at most ${bytes} bytes as JSON`)
    : [];
}

/** An object or a list is a level, also if it is empty. */
function measure(value: Json): { readonly depth: number; readonly keys: number } {
  if (typeof value !== "object" || value === null) return { depth: 0, keys: 0 };
  const inner = Object.values(value).map(measure);
  return {
    depth: 1 + Math.max(0, ...inner.map(({ depth }) => depth)),
    keys: inner.reduce((sum, { keys }) => sum + keys, Array.isArray(value) ? 0 : inner.length),
  };
}
