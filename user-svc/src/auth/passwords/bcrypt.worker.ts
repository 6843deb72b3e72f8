import { readlinkSync } from "node:fs";
import { setPriority } from "node:os";
import type { BcryptAnswer, BcryptJob } from "./bcrypt-threads.ts";

declare const self: Worker;

/** In `nice`'s terms: what takes a millisecond goes ahead of what takes a quarter of a second. */
const NICENESS = 5;

// Elsewhere a thread has no niceness of its own, and hashes compete with everything else.
if (process.platform === "linux") {
  setPriority(Number(readlinkSync("/proc/thread-self").split("/").at(-1)), NICENESS);
}

self.onmessage = ({ data: job }: MessageEvent<BcryptJob>) => {
  self.postMessage(answer(job));
};

function answer(job: BcryptJob): BcryptAnswer {
  try {
    return "hash" in job
      ? Bun.password.verifySync(job.password, job.hash)
      : Bun.password.hashSync(job.password, { algorithm: "bcrypt", cost: job.cost });
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}
