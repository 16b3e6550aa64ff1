/* What a run has materialized and checked. */
#include "run/report.h"

static void write_step_link(const dpi_report *r, const char *step, dpi_buf *out)
{
    const size_t index = dpi_report_find_step(r, step);
    if (index != SIZE_MAX)
        dpi_buf_printf(out, "<a href=\"#step-%zu\">", r->steps[index].row.place);
    dpi_html_text(step, out);
    dpi_buf_append_text(out, index != SIZE_MAX ? "</a>" : "");
}

static void write_pair(const char *name, const char *text, dpi_buf *out)
{
    if (!text)
        return;
    dpi_buf_printf(out, "<span>%s <code>", name);
    dpi_html_text(text, out);
    dpi_buf_append_literal(out, "</code></span> ");
}

/* Whether it is the first of its asset: with a run that makes many partitions, the others have the same charts. */
static bool has_charts(const dpi_report *r, const dpipes_run_event *asset)
{
    for (const dpipes_run_event *other = r->assets; other < asset; other++)
        if (strcmp(other->asset_key, asset->asset_key) == 0)
            return false;
    return true;
}

static dpipes_status write_asset(dpi_report *r, const dpipes_run_event *asset, dpipes_error *err)
{
    dpi_buf *out = &r->out;
    dpi_buf_append_literal(out, "<article><h3>");
    dpi_html_text(asset->asset_key, out);
    dpi_buf_append_literal(out, "</h3><p class=\"about\">");
    if (asset->step) {
        dpi_buf_append_literal(out, "<span>step ");
        write_step_link(r, asset->step, out);
        dpi_buf_append_literal(out, "</span> ");
    }
    write_pair("partition", asset->partition_key, out);
    write_pair("data version", asset->data_version, out);
    if (asset->code_version && strcmp(asset->code_version, r->run.run_id) != 0)
        write_pair("code version", asset->code_version, out);
    dpi_buf_append_literal(out, "</p>\n<div class=\"asset\">\n<div>");
    dpi_report_write_metadata(asset->json, out);
    dpi_buf_append_literal(out, "</div>\n");
    const dpipes_status status = has_charts(r, asset) ? dpi_report_write_charts(r, asset, err) : DPIPES_OK;
    dpi_buf_append_literal(out, "</div>\n</article>\n");
    return status;
}

dpipes_status dpi_report_write_assets(dpi_report *r, dpipes_error *err)
{
    dpipes_status status = DPIPES_OK;
    if (r->asset_count == 0)
        return status;
    dpi_buf_append_literal(&r->out, "<section id=\"assets\"><h2>Assets</h2>\n");
    for (size_t i = 0; i < r->asset_count && status == DPIPES_OK; i++)
        status = write_asset(r, &r->assets[i], err);
    dpi_html_left_out(r->assets_left_out, "materializations", &r->out);
    dpi_buf_append_literal(&r->out, "</section>\n");
    return status;
}

/* ---- Checks ---- */

static void write_check(dpi_report *r, const dpipes_run_event *check)
{
    dpi_buf *out = &r->out;
    const bool warns = check->severity == DPIPES_SEVERITY_WARN;
    dpi_buf_printf(out, "<tr><td><span class=\"state %s\">%s</span></td><th scope=\"row\">",
                   check->passed ? "success"
                   : warns       ? "retry"
                                 : "failure",
                   check->passed ? "PASSED" : "FAILED");
    dpi_html_text(check->check_name, out);
    dpi_buf_append_literal(out, "</th><td>");
    dpi_html_text(check->asset_key, out);
    dpi_buf_printf(out, "</td><td>%s</td><td>", warns ? "WARN" : "ERROR");
    dpi_report_write_metadata(check->json, out);
    dpi_buf_append_literal(out, "</td></tr>\n");
}

static void write_checks_that(dpi_report *r, bool passed)
{
    for (size_t i = 0; i < r->check_count; i++)
        if (r->checks[i].passed == passed)
            write_check(r, &r->checks[i]);
}

void dpi_report_write_checks(dpi_report *r)
{
    if (r->check_count == 0)
        return;
    dpi_buf_append_literal(&r->out,
                           "<section id=\"checks\"><h2>Checks</h2>\n<div class=\"scroll\"><table class=\"checks\">"
                           "<thead><tr><th scope=\"col\">Result</th><th scope=\"col\">Check</th><th "
                           "scope=\"col\">Asset</th><th scope=\"col\">Severity</th><th "
                           "scope=\"col\">Metadata</th></tr></thead><tbody>\n");
    write_checks_that(r, false);
    write_checks_that(r, true);
    dpi_buf_append_literal(&r->out, "</tbody></table></div>\n");
    dpi_html_left_out(r->checks_left_out, "checks", &r->out);
    dpi_buf_append_literal(&r->out, "</section>\n");
}
