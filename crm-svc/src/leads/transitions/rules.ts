import type { History, Transition } from "./schema.ts";

/** How long a lead was in each status, in the order that it came there first. */
export function timeInStatus(
  transitions: readonly Transition[],
  now: Date,
): History["timeInStatus"] {
  const seconds = new Map<Transition["to"], number>();
  for (const [at, { to, at: since }] of transitions.entries()) {
    const next = transitions[at + 1];
    const spent = next?.lastedSeconds ?? (now.getTime() - Date.parse(since)) / 1_000;
    seconds.set(to, (seconds.get(to) ?? 0) + Math.max(spent, 0));
  }
  return [...seconds].map(([status, total]) => ({
    status,
    seconds: Math.round(total * 1e3) / 1e3,
  }));
}
