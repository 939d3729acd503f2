// Metrics and spans as lines of text.
using System.Diagnostics;
using System.Globalization;
using OpenTelemetry;
using OpenTelemetry.Metrics;

namespace Observability;

internal sealed class ConsoleMetrics : BaseExporter<Metric>
{
    public override ExportResult Export(in Batch<Metric> batch)
    {
        foreach (Metric metric in batch)
        {
            foreach (ref readonly MetricPoint point in metric.GetMetricPoints())
            {
                string tags = "";
                foreach (KeyValuePair<string, object?> tag in point.Tags) tags += string.Create(CultureInfo.InvariantCulture, $" {tag.Key}={tag.Value}");
                string value = metric.MetricType switch
                {
                    MetricType.LongSum => point.GetSumLong().ToString(CultureInfo.InvariantCulture),
                    MetricType.DoubleGauge => point.GetGaugeLastValueDouble().ToString(CultureInfo.InvariantCulture),
                    MetricType.Histogram => string.Create(CultureInfo.InvariantCulture, $"{point.GetHistogramCount()} times, {point.GetHistogramSum():0.000000} in all"),
                    _ => metric.MetricType.ToString(),
                };
                Console.WriteLine($"metric {metric.Name}{tags}: {value} {metric.Unit}");
            }
        }
        return ExportResult.Success;
    }
}

internal sealed class ConsoleSpans : BaseExporter<Activity>
{
    public override ExportResult Export(in Batch<Activity> batch)
    {
        foreach (Activity span in batch)
        {
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"span {span.OperationName} {span.Duration.TotalMilliseconds:0.0} ms {string.Join(' ', span.TagObjects.Select(static tag => $"{tag.Key}={tag.Value}"))}"));
            foreach (ActivityEvent happened in span.Events)
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {(happened.Timestamp - span.StartTimeUtc).TotalMilliseconds:0.0} ms {happened.Name}"));
        }
        return ExportResult.Success;
    }
}
