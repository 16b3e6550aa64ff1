"""The scenes of test_local_ray_resource.py: NAME…. The last line on stdout is what came of it, as JSON."""

import json
import os
import sys
from pathlib import Path

import dagster as dg

hooks = []


def tell(**values):
    print("\n" + json.dumps(values), file=sys.__stdout__, flush=True)


def total():
    import ray

    @ray.remote(num_cpus=0.1)
    def double(n):
        return 2 * n

    return sum(ray.get([double.remote(n) for n in range(3)]))


def tutorial():
    import ray
    from dagster_dpipes import LocalRay

    class Watched(LocalRay):
        def on_create(self, context):
            hooks.append("create")

        def on_ready(self, context):
            hooks.append("ready")

        def on_connect(self, context):
            hooks.append("connect")

        def on_cleanup(self, context, *, deleted):
            hooks.append(f"cleanup {deleted}")

    seen = {}

    @dg.asset
    def batch_processing_results(ray_cluster: Watched) -> int:
        @ray.remote(num_cpus=0.1)
        def variables():
            return [os.environ.get(name) for name in ("FROM_ENV", "OF_BOTH", "RAY_PROFILING", "UNSET")]

        resources = ray.cluster_resources()
        seen.update(cpus=resources["CPU"], special=resources["special"], variables=ray.get(variables.remote()))
        assert ray_cluster.runtime_job_id and ray_cluster.context.address_info
        return total()

    env_vars = {"FROM_ENV": dg.EnvVar("MARK"), "UNSET": {"env": "NOT_SET_ANYWHERE"}}
    options = {"num_cpus": 3, "resources": {"special": 2}, "runtime_env": {"env_vars": env_vars}}
    local_ray = Watched(ray_init_options=options, env_vars={"OF_BOTH": "of both"}, enable_tracing=True)
    result = dg.materialize([batch_processing_results], resources={"ray_cluster": local_ray})
    tell(success=result.success, sum=result.output_for_node("batch_processing_results"), hooks=hooks, **seen)


def twice():
    from dagster_dpipes import LocalRay

    tokens = []

    @dg.asset
    def one(ray_cluster: LocalRay) -> int:
        tokens.append(ray_cluster.cluster.token_file is not None)
        return total()

    sums = [
        dg.materialize([one], resources={"ray_cluster": LocalRay(ray_init_options={"num_cpus": 1})}).output_for_node("one")
        for _ in range(2)
    ]
    after = [os.environ.get(name) for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN_PATH")]
    tell(sums=sums, token=all(tokens), variables_after=after)


def policy(name, ending):
    from dagster_dpipes import Lifecycle, LocalRay

    class Watched(LocalRay):
        def on_cleanup(self, context, *, deleted):
            hooks.append(deleted)

    @dg.asset
    def one(ray_cluster: Watched) -> None:
        if ending == "fail":
            raise RuntimeError("on purpose")

    local_ray = Watched(lifecycle=Lifecycle(cleanup=name, connect=False), ray_init_options={"num_cpus": 1})
    result = dg.materialize([one], resources={"ray_cluster": local_ray}, raise_on_error=False)
    tell(success=result.success, deleted=hooks[0])


def by_hand():
    from dagster_dpipes import Lifecycle, LocalRay

    seen = {}

    @dg.asset
    def one(context: dg.AssetExecutionContext, ray_cluster: LocalRay) -> int:
        before = (ray_cluster.created, ray_cluster.connected)
        ray_cluster._connect(context)
        seen.update(created=[before[0], ray_cluster.created], connected=[before[1], ray_cluster.connected])
        return total()

    local_ray = LocalRay(lifecycle=Lifecycle(create=False), ray_init_options={"num_cpus": 1})
    result = dg.materialize([one], resources={"ray_cluster": local_ray})
    tell(**seen, sum=result.output_for_node("one"))


def pipes():
    from dagster_dpipes import Lifecycle, LocalRay, PipesRayJobClient

    program = Path(__file__).with_name("programs.py")

    @dg.asset
    def table(context: dg.AssetExecutionContext, ray_cluster: LocalRay):
        client = PipesRayJobClient(address=ray_cluster.dashboard_url)
        params = {"entrypoint": f"exec {sys.executable} {program} small"}
        return client.run(context=context, submit_job_params=params).get_materialize_result()

    local_ray = LocalRay(lifecycle=Lifecycle(connect=False), ray_init_options={"num_cpus": 1})
    result = dg.materialize([table], resources={"ray_cluster": local_ray})
    [materialization] = result.asset_materializations_for_node("table")
    tell(outcome=[result.success, materialization.metadata["text"].value])


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
