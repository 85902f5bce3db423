// Errors in the shape that Stripe gives them: { error: { type, code, message, … } }.

export class ApiError extends Error {
  // begun: whether the endpoint had begun to work, so that an Idempotency-Key remembers the answer.
  constructor(status, error, { begun = true } = {}) {
    super(error.message);
    Object.assign(this, { status, error, begun });
  }

  get body() { return { error: this.error }; }
}

const request = (status, code, message, more, options) =>
  new ApiError(status, { type: 'invalid_request_error', ...(code && { code }), message, ...more }, options);

// What is wrong with the request itself; nothing has begun.
export const invalid = (message, more = {}) => request(400, more.code, message, more, { begun: false });

export const parameterMissing = (param) => invalid(`Missing required param: ${param}.`, { code: 'parameter_missing', param });

export const noSuch = (kind, id) => request(404, 'resource_missing', `No such ${kind}: '${id}'`, { param: 'id' });

export const noSuchParameter = (kind, id, param) => request(400, 'resource_missing', `No such ${kind}: '${id}'`, { param });

export const refusedNow = (code, message, more) => request(400, code, message, more);

export const unauthorized = (message) => request(401, null, message, {}, { begun: false });

export const cardError = (error) => new ApiError(402, { type: 'card_error', ...error });

export const rateLimited = () =>
  request(429, 'rate_limit', 'Request rate limit exceeded.', {}, { begun: false });

export const locked = () =>
  request(429, 'lock_timeout', 'Another request is at work on this object.', {}, { begun: false });

export const keyInUse = (key) => request(409, 'idempotency_key_in_use',
  `Another request with the idempotency key '${key}' is under way. Please try again later.`, {}, { begun: false });

export const keyReused = (key) => new ApiError(400, { type: 'idempotency_error',
  message: `The idempotency key '${key}' was first used with other parameters.` }, { begun: false });

export const serverError = () => new ApiError(500, { type: 'api_error', message: 'Something went wrong on our side.' });
