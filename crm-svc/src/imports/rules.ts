import type { ContactImport, ImportStatus } from "./schema.ts";

/** Nothing happens to an import with one of these any more, unless somebody asks for it. */
export function hasEnded(status: ImportStatus): boolean {
  return ["done", "cancelled", "failed", "undone"].includes(status);
}

export function mayCancel(status: ImportStatus): boolean {
  return status === "queued" || status === "running";
}

/** A dry run has changed nothing that could be undone. */
export function mayUndo({ status, dryRun }: Pick<ContactImport, "status" | "dryRun">): boolean {
  return !dryRun && ["done", "cancelled", "failed"].includes(status);
}

interface Progress {
  readonly status: ImportStatus;
  readonly rowsTotal: number | null;
  readonly rowsRead: number;
  /** Milliseconds spent on the rows that were read. */
  readonly workingMs: number;
}

/** How fast it goes, and for how much longer; null where nothing can be said about it. */
export function pace({ status, rowsTotal, rowsRead, workingMs }: Progress) {
  const rowsPerSecond =
    workingMs > 0 && rowsRead > 0 ? Math.round((rowsRead / workingMs) * 10_000) / 10 : null;
  const left =
    status !== "running" || rowsTotal === null || rowsPerSecond === null || rowsPerSecond === 0
      ? null
      : Math.ceil((rowsTotal - rowsRead) / rowsPerSecond);
  return { rowsPerSecond, secondsLeft: left };
}
