import { list, serviceConfig, url } from "@crm/platform/config";
import { z } from "zod";

/** The variables that crm-svc reads. */
export const crmConfig = serviceConfig.extend({
  /**
   * Where user-svc answers gRPC; several with commas between. Calls are spread over them all, and over
   * all the addresses that a name stands for (such as that of a headless Service of Kubernetes).
   */
  USER_SVC_URL: list().pipe(z.array(url("http:", "https:")).min(1, "must be a URL like http://…")),
});

export type CrmConfig = z.output<typeof crmConfig>;
