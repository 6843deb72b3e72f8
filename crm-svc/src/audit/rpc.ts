import { bind } from "@crm/platform/rpc";
import { CrmService } from "@crm/proto/crm/v1/crm_pb";
import { listAudit } from "./operations.ts";

export const auditBindings = [bind(CrmService.method.listAuditEntries, listAudit)];
