/** The same refresh token may come twice within this time: a retry, or two tabs of one browser. */
const REPEAT_GRACE_MS = 10_000;

export interface RefreshState {
  /** Whether the token's session goes on and its user is active. */
  readonly sessionAlive: boolean;
  /** When the token was exchanged, if it was. */
  readonly usedAt: Date | null;
  /** Whether what it was exchanged for has been used in turn. */
  readonly successorUsed: boolean;
}

/**
 * What becomes of a refresh token that is shown: `rotate` it, `repeat` the answer that it had,
 * `reject` it, or end the whole family, because a used token in other hands is a stolen one (`reuse`;
 * RFC 9700, section 4.14.2).
 */
export function refreshDecision(
  state: RefreshState,
  now: Date,
): "rotate" | "repeat" | "reject" | "reuse" {
  if (!state.sessionAlive) return "reject";
  if (state.usedAt === null) return "rotate";
  const age = now.getTime() - state.usedAt.getTime();
  return age <= REPEAT_GRACE_MS && !state.successorUsed ? "repeat" : "reuse";
}
