import { UserService } from "@crm/proto/user/v1/user_pb";
import { auditPage } from "../../../user-svc/src/audit/schema.ts";
import { type ApiOperation, withQuery } from "./operation.ts";

/** Input: `entity`, `entityId`, `actorId`, `action`, `from`, `to`, `limit`, `cursor`. */
export const listAudit: ApiOperation<ReturnType<typeof auditPage.parse>> = {
  service: "user",
  method: UserService.method.listAuditEntries,
  rest: (query) => ({ method: "GET", path: withQuery("/v1/audit", query) }),
  value: auditPage,
};
