"""Ten empty ops, 1 → 8 → 1, under the ray_executor of dagster-ray and under that of dagster_dpipes: for runs_bench.py."""

import dagster as dg
import dagster_dpipes
import dagster_ray


@dg.op
def begin():
    pass


@dg.op(ins={"before": dg.In(dg.Nothing)})
def work():
    pass


@dg.op(ins={"before": dg.In(dg.Nothing)})
def end():
    pass


@dg.graph
def fan():
    first = begin()
    end([work.alias(f"work_{i}")(first) for i in range(8)])


by_dagster_ray = fan.to_job(name="by_dagster_ray", executor_def=dagster_ray.ray_executor)
by_dagster_dpipes = fan.to_job(name="by_dagster_dpipes", executor_def=dagster_dpipes.ray_executor)
