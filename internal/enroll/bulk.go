package enroll

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"tpmdps/internal/dps"
)

// Applied is what became of one of several plans: the plan with what the service
// answered, and the error that [Apply] would have returned for it.
type Applied struct {
	Item Item
	Err  error
}

// BulkMode is the mode of a bulk request that carries out a plan, "" for a plan that
// writes nothing. What exists is replaced by its ETag alone.
func (i Item) BulkMode() string {
	switch i.Action {
	case Create:
		return dps.BulkCreate
	case Update, ReplaceEK:
		return dps.BulkUpdateIfMatchETag
	}
	return ""
}

// ApplyAll carries out 1 to [dps.MaxBulk] plans of one [Item.BulkMode] with one bulk
// request, and returns what became of each, in their order. The answer has no ETags:
// that of an Item is "" where nothing else was asked. An error is for all of them: of
// none is known whether it was done.
//
// Of a request that is refused as a whole, each plan is applied by itself.
func ApplyAll(ctx context.Context, svc *dps.ServiceClient, items []Item) ([]Applied, error) {
	mode, enrollments := "", []dps.Enrollment{}
	for _, item := range items {
		switch {
		case item.BulkMode() == "" || mode != "" && mode != item.BulkMode():
			return nil, fmt.Errorf("apply %q to %s: not a plan for bulk %s", item.Action, item.RegistrationID, mode)
		case len(item.wish.ek) == 0:
			return nil, errors.New("apply: a plan that was read back must be made again")
		case item.Action != Create && item.ETag == "":
			return nil, fmt.Errorf("apply: %s would be replaced without its ETag", item.RegistrationID)
		}
		e := item.enrollment
		e.ETag = item.ifMatch()
		mode, enrollments = item.BulkMode(), append(enrollments, e)
	}
	result, err := svc.Bulk(ctx, mode, enrollments)
	if refusedAsWhole(err) {
		return applyEach(ctx, svc, items), nil
	}
	if err != nil {
		return nil, fmt.Errorf("write the enrollments: %w", err)
	}
	refusals := map[string]*dps.Error{}
	for _, e := range result.Errors {
		refusals[strings.ToLower(e.RegistrationID)] = e.Refusal()
	}
	all := make([]Applied, len(items))
	for i, item := range items {
		all[i] = Applied{Item: item}
		if refused := refusals[strings.ToLower(item.RegistrationID)]; refused != nil {
			all[i] = settleOne(ctx, svc, item, refused)
			continue
		}
		all[i].Item.ETag = ""
	}
	return all, nil
}

// settleOne is settle for one enrollment of a bulk request.
func settleOne(ctx context.Context, svc *dps.ServiceClient, item Item, refused *dps.Error) Applied {
	stored, err := settle(ctx, svc, item, refused)
	if err == nil {
		item, err = confirm(item, stored)
	}
	return Applied{item, err}
}

func applyEach(ctx context.Context, svc *dps.ServiceClient, items []Item) []Applied {
	all := make([]Applied, len(items))
	for i, item := range items {
		all[i].Item, all[i].Err = Apply(ctx, svc, item)
	}
	return all
}

// refusedAsWhole tells whether a bulk request was refused for something in it, which
// may be one enrollment of ten, and not for its sender, or how often it came.
func refusedAsWhole(err error) bool {
	var refused *dps.Error
	if !errors.As(err, &refused) {
		return false
	}
	switch refused.Status {
	case http.StatusBadRequest, http.StatusNotFound, http.StatusConflict, http.StatusPreconditionFailed, http.StatusRequestEntityTooLarge:
		return true
	}
	return false
}
