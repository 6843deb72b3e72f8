import { integer, list, serviceConfig, url, variable } from "@crm/platform/config";
import { z } from "zod";

/** The variables that crm-svc reads. */
export const crmConfig = serviceConfig.extend({
  USER_SVC_URL: variable(
    list().pipe(z.array(url("http:", "https:")).min(1, "must be a URL like http://…")),
    {
      description:
        "Where user-svc answers gRPC. Calls are spread over all of them, and over all the addresses that a name stands for (such as that of a headless Service of Kubernetes).",
      unit: "with commas between",
    },
  ),
  IMPORT_MAX_BYTES: variable(integer(1, 100_000_000_000).prefault("1073741824"), {
    description: "The largest file of contacts that is taken.",
    unit: "bytes",
  }),
});

export type CrmConfig = z.output<typeof crmConfig>;
