import { auditPage } from "@crm/platform/audit-log";
import { CrmService } from "@crm/proto/crm/v1/crm_pb";
import { UserService } from "@crm/proto/user/v1/user_pb";
import { type ApiOperation, withQuery } from "./operation.ts";

/** Input: `entity`, `entityId`, `actorId`, `action`, `from`, `to`, `limit`, `cursor`. */
export const listAudit: ApiOperation<ReturnType<typeof auditPage.parse>> = {
  service: "user",
  method: UserService.method.listAuditEntries,
  rest: (query) => ({ method: "GET", path: withQuery("/v1/audit", query) }),
  value: auditPage,
};

/** The same of what crm-svc keeps. */
export const listCrmAudit: ApiOperation<ReturnType<typeof auditPage.parse>> = {
  ...listAudit,
  service: "crm",
  method: CrmService.method.listAuditEntries,
};
