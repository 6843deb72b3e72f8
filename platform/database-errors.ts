import pg from "pg";
import { deadlineExceeded, unavailable } from "./errors.ts";

/** The SQLSTATE of an error of PostgreSQL's, or Node's code of a network error. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string"
    ? error.code
    : undefined;
}

/** Name of the constraint that a statement ran against (SQLSTATE class 23), if that is what failed. */
export function violatedConstraint(error: unknown): string | undefined {
  return error instanceof pg.DatabaseError && error.code?.startsWith("23")
    ? error.constraint
    : undefined;
}

/** Serialization failure, deadlock: another try may well succeed. */
export function isConflict(error: unknown): boolean {
  return ["40001", "40P01"].includes(errorCode(error) ?? "");
}

/** What the client is to be told of an error, if it is not a bug: `deadline` or `unavailable`. */
export function asClientFailure(error: unknown): unknown {
  if (errorCode(error) === "57014") return deadlineExceeded(error);
  return isDatabaseAway(error) ? unavailable("The database", error) : error;
}

/** 08 connection, 53 resources, 57P shutdown, or a network error: its connection is of no more use. */
export function isDatabaseAway(error: unknown): boolean {
  const code = errorCode(error);
  return code === undefined ? isLostConnection(error) : /^(08|53|57P|E[A-Z]+$)/.test(code);
}

/** pg gives these errors no code. */
function isLostConnection(error: unknown): boolean {
  return (
    error instanceof Error &&
    /^(Connection terminated|Client has encountered a connection error|Client was closed|Query read timeout)/.test(
      error.message,
    )
  );
}
