import { expectedVersion, id } from "@crm/platform/input";
import { z } from "zod";

export const convertInput = z.strictObject({ id, expectedVersion });
