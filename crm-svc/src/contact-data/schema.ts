import { id, wholeNumber } from "@crm/platform/input";
import { z } from "zod";
import { contact } from "../contacts/schema.ts";
import { interaction } from "../interactions/schema.ts";
import { lead } from "../leads/schema.ts";

const MOST = 100;

export const contactDataInput = z.strictObject({
  contactId: id,
  interactionLimit: wholeNumber(0, MOST).default(20),
  leadLimit: wholeNumber(0, MOST).default(20),
});

export const contactData = z.strictObject({
  contact,
  /** The latest, newest first. */
  interactions: z.array(interaction),
  /** The open ones, newest first. */
  leads: z.array(lead),
});
export type ContactData = z.output<typeof contactData>;
