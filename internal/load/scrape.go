package load

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// maxMetrics is the most bytes of metrics that are read.
const maxMetrics = 16 << 20

// scrape reads the hub's counters, each summed over its labels.
func scrape(ctx context.Context, url string) (map[string]float64, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, fmt.Errorf("load: metrics: %w", err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("load: metrics: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("load: metrics: %s answers %s", url, response.Status)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(io.LimitReader(response.Body, maxMetrics))
	if err != nil {
		return nil, fmt.Errorf("load: metrics: %w", err)
	}
	counters := map[string]float64{}
	for name, family := range families {
		if family.GetType() == dto.MetricType_COUNTER && strings.HasPrefix(name, "bongsu_") {
			for _, metric := range family.GetMetric() {
				counters[name] += metric.GetCounter().GetValue()
			}
		}
	}
	return counters, nil
}

// growth returns the counters that have grown, and by how much.
func growth(before, after map[string]float64) map[string]float64 {
	grown := map[string]float64{}
	for name, value := range after {
		if more := value - before[name]; more != 0 {
			grown[name] = more
		}
	}
	return grown
}
