import { expectedVersion, flag, id, moment, text, wholeNumber } from "@crm/platform/input";
import { pageInput } from "@crm/platform/pages";
import { z } from "zod";
import { assigneeFilter } from "../schema.ts";

/** No lead is left alone for longer than this. */
const MAX_SNOOZE_MS = 366 * 24 * 3_600_000;

export const inactiveInput = z.strictObject({
  /** Without any activity for so many days; without it, for as many as the settings have by status. */
  days: wholeNumber(1, 3_650).optional(),
  assignedUserId: assigneeFilter.optional(),
  /** Also those that are snoozed. */
  includeSnoozed: flag.default(false),
  ...pageInput,
});

export const snoozeInput = z.strictObject({
  id,
  until: moment.superRefine((until, context) => {
    const early = until.getTime() <= Date.now();
    if (!early && until.getTime() <= Date.now() + MAX_SNOOZE_MS) return;
    context.addIssue({
      code: "custom",
      message: early ? "must be in the future" : "must be within a year",
      params: { code: early ? "too_early" : "too_late" },
    });
  }),
  reason: text(500),
  expectedVersion,
});
