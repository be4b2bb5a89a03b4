# A thin front on CMake presets. `make demo` and `make test` need nothing but Debian 12.
.PHONY: demo serve build test bench install clean setup model-names model
BUILD := build
BENCH := $(if $(NAME),$(NAME),road json ledger grammar border)

demo: build
	@scripts/demo $(BUILD)

serve: build
	@test -f sekisho.yaml || $(BUILD)/sekisho init --data "$(CURDIR)/data"
	@$(BUILD)/sekisho serve --config sekisho.yaml

setup:
	@scripts/setup

build: setup
	@cmake --preset release -DSEKISHO_TESTS=OFF >$(BUILD).log 2>&1 || { cat $(BUILD).log; exit 1; }
	@cmake --build --preset release -- --quiet

test:
	@scripts/setup --test
	@scripts/test

bench:
	@scripts/setup --test
	@cmake --preset release -DSEKISHO_TESTS=ON >$(BUILD).log 2>&1 || { cat $(BUILD).log; exit 1; }
	@cmake --build --preset release -- --quiet
	@for name in $(BENCH); do scripts/bench $(BUILD) $$name || exit 1; done

install: build
	@DESTDIR="$(DESTDIR)" cmake --install $(BUILD) --prefix "$(if $(PREFIX),$(PREFIX),/usr)"

# The name tagger's weights, from the sources in DATA (scripts/names/corpus.py says which).
model-names: build
	@cmake --build --preset release --target names_train -- --quiet
	@scripts/names/make $(BUILD)/tools/names/names_train "$(DATA)"

# The default model, by our own trainer, from the sources in DATA (models/keigo/NOTES.md); an hour
# and more. It is left in OUT (model-run).
model: build
	@cmake --build --preset release --target keigo_data -- --quiet
	@scripts/keigo/make $(BUILD) "$(DATA)" $(OUT)

clean:
	rm -rf build build-* build.log
