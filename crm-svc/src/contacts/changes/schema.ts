import { id } from "@crm/platform/input";
import { z } from "zod";
import { contact } from "../schema.ts";

export const undoChangeInput = z.strictObject({ id, auditId: id });

/** The contact afterwards; null if the undo has deleted it. */
export const undone = contact.nullable();
