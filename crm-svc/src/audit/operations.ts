import { auditListing } from "@crm/platform/audit-log";
import { read } from "../services.ts";

/** What was changed in the tenant, newest first; with the scope `own`, by the caller. */
export const listAudit = auditListing({ read }, "crm");
