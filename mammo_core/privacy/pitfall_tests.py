"""Which tests fail if what stands against a pitfall is taken away: by its name in `pitfalls`."""

from __future__ import annotations

_PRIVACY, _SYNTHESIS = "tests/privacy", "tests/synthesis"
_RUNS = "tests/training/heads/test_runs.py"
_OWN = f"{_PRIVACY}/test_pitfalls.py"
_OWN_RUNS = "tests/training/heads/test_pitfalls.py"
_OWN_GENERATORS = f"{_SYNTHESIS}/test_generator_pitfalls.py"
_LEDGER = "tests/ledger/test_ledger.py"
_ACCOUNTING = f"{_PRIVACY}/test_accounting.py"
_STATEMENT = f"{_PRIVACY}/test_statement.py"
_STEPS = f"{_PRIVACY}/test_sampled_steps.py"
_TRAINING = f"{_PRIVACY}/test_training.py"
_NETWORKS = f"{_PRIVACY}/networks/test_network_training.py"
_UNITS = f"{_PRIVACY}/networks/test_unit_gradients.py"
_LAYERS = f"{_PRIVACY}/networks/test_private_layers.py"
_PRIVATE_GAN = f"{_SYNTHESIS}/test_private_training.py"

TESTS: dict[str, tuple[str, ...]] = {
    "Noise or clipping missing or too small": (
        f"{_PRIVACY}/test_audit.py::test_broken_trainer_is_caught",
        f"{_TRAINING}::test_noise_has_the_claimed_standard_deviation",
        f"{_TRAINING}::test_no_patient_moves_a_step_by_more_than_the_clipping_bound",
        f"{_TRAINING}::test_vectorised_weights_equal_those_of_opacus_step_by_step",
        f"{_PRIVACY}/test_noisy_sum.py::test_noise_has_the_deviation_that_was_asked_for",
        f"{_OWN_GENERATORS}::test_releases_have_one_row_a_patient_and_spend_together_what_is_claimed",
        f"{_NETWORKS}::test_noise_has_the_calibrated_size",
        f"{_NETWORKS}::test_no_unit_moves_a_step_by_more_than_the_bound",
        f"{_UNITS}::test_steps_with_noise_end_at_the_weights_of_opacus",
    ),
    "Random numbers used twice": (
        f"{_OWN}::test_every_step_draws_noise_of_its_own",
        f"{_OWN}::test_heads_trained_together_draw_noise_of_their_own",
        f"{_RUNS}::test_two_budgets_at_one_seed_never_share_their_noise",
        f"{_RUNS}::test_every_configuration_draws_noise_of_its_own",
    ),
    "Seeds that repeat noise": (
        f"{_RUNS}::test_secret_noise_differs_each_time_and_has_no_seed",
        f"{_PRIVATE_GAN}::test_noise_of_two_trainings_differs_though_the_seed_is_one",
        f"{_STATEMENT}::test_reproducible_noise_is_part_of_the_sentence",
        f"{_LEDGER}::test_reproducible_noise_used_again_on_other_data_counts_as_no_privacy",
    ),
    "Seeds of 32 bits": (
        f"{_PRIVACY}/test_randomness.py::test_torch_generators_keep_only_32_bits_of_a_seed",
        f"{_OWN}::test_secret_noise_does_not_come_from_torch",
        f"{_OWN}::test_secret_noise_leaves_torchs_randomness_alone",
    ),
    "Clipping layer by layer, noise for all": (
        f"{_OWN}::test_clipping_bounds_all_layers_together",
        f"{_OWN}::test_noise_is_of_one_size_in_all_layers",
        f"{_UNITS}::test_one_unit_moves_the_sum_by_the_bound_at_most",
        f"{_UNITS}::test_a_layer_that_is_called_twice_is_clipped_as_a_whole",
    ),
    "Clipping per crop, promising per patient": (
        f"{_TRAINING}::test_no_patient_moves_a_step_by_more_than_the_clipping_bound",
        f"{_TRAINING}::test_patient_bags_hold_every_mass_once",
        f"{_PRIVATE_GAN}::test_a_step_takes_one_mass_of_a_sampled_patient_and_nobody_always",
        f"{_OWN_GENERATORS}::test_releases_have_one_row_a_patient_and_spend_together_what_is_claimed",
    ),
    "A patient split over micro-batches": (
        f"{_NETWORKS}::test_no_unit_is_split_over_micro_batches",
        f"{_NETWORKS}::test_micro_batches_of_any_size_give_the_same_weights",
        f"{_UNITS}::test_micro_batches_add_up",
    ),
    "Views clipped one by one": (
        f"{_NETWORKS}::test_views_of_a_unit_are_clipped_together",
        "tests/classifiers/networks/test_sources.py::test_weights_make_a_masss_loss_the_mean_over_its_views",
    ),
    "Gradients of single patients that are not theirs": (
        f"{_UNITS}::test_opacus_misreads_maps_with_channels_last_and_ours_does_not",
        f"{_UNITS}::test_opacus_takes_windows_of_swin_for_inputs",
        f"{_UNITS}::test_sum_and_norms_are_those_of_one_backward_pass_per_unit",
        f"{_LAYERS}::test_layers_whose_gradient_cannot_be_taken_are_found",
    ),
    "Weights beside layers, left out of the norm": (
        f"{_UNITS}::test_tables_beside_layers_and_tied_weights_are_refused_by_name",
        f"{_LAYERS}::test_tables_beside_layers_are_found_and_can_be_frozen",
        "tests/classifiers/networks/test_building.py::test_raw_parameters_are_frozen_and_named",
    ),
    "Norms rounded down": (
        f"{_UNITS}::test_norms_and_sums_keep_all_digits_whatever_products_may_lose",
        f"{_UNITS}::test_norm_of_gradients_that_cancel_is_never_too_small",
        f"{_UNITS}::test_rounding_does_not_let_a_unit_through_the_bound",
    ),
    "Noise expanded from a key": (
        f"{_PRIVACY}/test_randomness.py::test_a_key_comes_from_the_operating_system_and_all_of_it_counts",
        f"{_PRIVACY}/test_network_statement.py::test_noise_expanded_from_a_key_is_named_where_millions_of_weights_get_it",
    ),
    "Features that are no numbers": (
        f"{_OWN}::test_masses_with_broken_features_are_refused",
        f"{_UNITS}::test_unit_without_a_finite_gradient_adds_nothing",
    ),
    "Gaps in floating-point noise": (
        f"{_OWN}::test_secret_noise_takes_far_more_values_than_one_draw_could",
        f"{_PRIVACY}/test_randomness.py::test_the_least_and_the_largest_random_words_give_finite_noise",
    ),
    "A step left out when nobody was sampled": (
        f"{_STEPS}::test_a_step_without_units_is_noise_all_the_same",
        f"{_NETWORKS}::test_a_step_without_units_is_noise_all_the_same",
        f"{_NETWORKS}::test_a_step_without_units_moves_by_noise_of_the_usual_size",
    ),
    "Dividing by the real size of a batch": (
        f"{_STEPS}::test_noise_has_the_calibrated_size_whoever_was_sampled",
        f"{_STEPS}::test_without_noise_a_step_is_the_clipped_sum_over_the_expected_number",
        f"{_NETWORKS}::test_noise_and_sum_are_divided_by_the_expected_number_whoever_was_sampled",
    ),
    "A sampling rate or number of steps other than accounted": (
        f"{_OWN_GENERATORS}::test_sampling_is_accounted_at_the_rate_at_which_it_happens",
        f"{_TRAINING}::test_opacus_accountant_saw_every_step_at_full_batch",
        f"{_PRIVATE_GAN}::test_dp_sgd_spends_with_every_step_and_stops_when_all_is_spent",
        f"{_NETWORKS}::test_the_history_counts_every_private_step_and_no_plain_one",
        "tests/training/networks/test_runs.py::test_sampled_run_is_charged_with_its_noise_rate_and_steps",
    ),
    "Shuffling accounted as random sampling": (
        f"{_PRIVATE_GAN}::test_a_step_takes_one_mass_of_a_sampled_patient_and_nobody_always",
        f"{_NETWORKS}::test_units_of_a_step_are_a_poisson_sample",
    ),
    "Weighted sampling": (
        f"{_OWN_GENERATORS}::test_every_patient_is_sampled_alike_whatever_the_class",
        f"{_PRIVACY}/test_audit.py::test_broken_trainer_is_caught",
    ),
    "Batch norm and other mixing of patients": (
        f"{_OWN}::test_batch_norm_is_refused",
        f"{_OWN}::test_a_patients_clipped_gradient_does_not_depend_on_who_else_is_there",
        "tests/classifiers/test_features.py::test_features_do_not_depend_on_the_batch",
        "tests/generators/test_training.py::test_the_papers_gan_cannot_be_trained_privately",
        f"{_LAYERS}::test_batch_normalisation_is_found_also_where_it_is_frozen",
        f"{_LAYERS}::test_mixing_without_parameters_is_found_at_the_first_layer_after_it",
        f"{_LAYERS}::test_statistics_that_are_stored_without_noise_are_found_and_given_back",
        f"{_NETWORKS}::test_a_network_that_mixes_patients_is_refused_before_data_are_used",
    ),
    "Random state that tells who was sampled": (
        f"{_OWN_GENERATORS}::test_random_numbers_that_are_kept_do_not_tell_who_was_sampled",
    ),
    "Views and dropout that depend on who else is there": (
        f"{_NETWORKS}::test_views_of_a_secret_training_follow_from_no_seed",
        f"{_NETWORKS}::test_dropout_of_a_secret_training_follows_from_no_seed",
        "tests/classifiers/networks/test_sources.py::test_how_a_patient_is_shown_depends_on_no_other",
    ),
    "Statistics of private data before training": (
        f"{_RUNS}::test_projection_never_depends_on_real_masses",
        f"{_RUNS}::test_strategy_real_projects_by_textures_and_never_by_masses",
        f"{_OWN_RUNS}::test_training_starts_where_no_patient_can_be_seen",
        f"{_OWN_GENERATORS}::test_public_scaling_of_moments_looks_at_no_real_mass",
        f"{_OWN_GENERATORS}::test_detail_of_a_moments_generator_follows_from_what_was_released",
        f"{_PRIVATE_GAN}::test_generator_learns_from_the_discriminator_only",
    ),
    "Early stopping and keeping the best": (
        f"{_OWN_RUNS}::test_private_generator_is_the_last_one_whatever_its_quality",
        f"{_TRAINING}::test_averaging_takes_the_last_half_of_the_iterates",
        f"{_PRIVACY}/test_network_statement.py::test_choice_by_validation_labels_is_a_caveat_of_private_runs_only",
    ),
    "Counting only the iterates that are kept": (
        f"{_OWN_RUNS}::test_all_steps_are_counted_not_only_the_averaged_ones",
    ),
    "A release repeated when a training goes on": (
        f"{_PRIVATE_GAN}::test_resumed_training_keeps_the_structure_that_was_released",
    ),
    "Noise used again when a training goes on": (
        f"{_NETWORKS}::test_steps_after_a_stop_draw_no_noise_that_was_used_before",
        f"{_NETWORKS}::test_secret_noise_is_not_written_down_and_goes_on_afresh",
        f"{_NETWORKS}::test_secret_and_reproducible_noise_are_not_mixed",
    ),
    "Plain steps before the private ones": (
        f"{_NETWORKS}::test_a_state_of_other_steps_is_refused",
    ),
    "Loss curves, thresholds and scores": (
        f"{_OWN_GENERATORS}::test_reported_loss_is_of_synthetic_masses_only",
        f"{_STATEMENT}::test_caveats_name_selection_curves_test_sets_and_other_releases",
    ),
    "Choosing a recipe on validation": (
        f"{_STATEMENT}::test_caveats_name_selection_curves_test_sets_and_other_releases",
    ),
    "A backbone that saw the patients": (
        f"{_STATEMENT}::test_backbone_from_a_file_or_hub_is_a_condition_of_the_sentence",
    ),
    "Reporting the target instead of what was spent": (
        f"{_OWN_RUNS}::test_spent_epsilon_is_computed_from_the_noise_that_was_added",
        f"{_STATEMENT}::test_what_is_spent_follows_from_the_noise_that_was_added_not_from_the_target",
    ),
    "A wrong formula in the accountant": (
        f"{_ACCOUNTING}::test_spent_epsilon_agrees_with_dp_accounting_within_one_percent",
        f"{_ACCOUNTING}::test_composition_of_steps_agrees_with_dp_accounting",
        f"{_ACCOUNTING}::test_opacus_prv_accountant_agrees_and_is_never_lower_by_more_than_its_error",
        f"{_PRIVACY}/test_audit.py::test_honest_trainer_is_believed_and_the_bound_comes_near_the_claim",
    ),
    "Another neighbouring relation than stated": (
        f"{_TRAINING}::test_no_patient_moves_a_step_by_more_than_the_clipping_bound",
        f"{_STATEMENT}::test_table_names_what_a_reader_must_know",
    ),
    "δ too large": (
        f"{_ACCOUNTING}::test_delta_of_one_over_n_is_refused",
        f"{_RUNS}::test_delta_too_large_for_the_cohort_is_refused",
        "tests/generators/test_training.py::test_delta_that_would_publish_a_patient_is_refused",
    ),
    "Crops promised, patients meant": (
        f"{_STATEMENT}::test_patient_with_most_masses_is_promised_what_a_gaussian_of_as_many_norms_promises",
        f"{_STATEMENT}::test_units_that_differ_are_carried_over_to_the_patient",
        f"{_LEDGER}::test_run_costs_what_its_result_says_it_spent",
        f"{_PRIVACY}/test_composition.py::test_unknown_number_of_masses_promises_nothing_to_a_patient",
    ),
    "A generator that saw the same patients": (
        f"{_STATEMENT}::test_coverage_follows_from_strategy_and_origin",
        f"{_STATEMENT}::test_gaussian_generator_on_the_same_patients_composes_exactly",
    ),
    "Several releases, each with an ε of its own": (
        f"{_LEDGER}::test_releases_are_composed_not_added",
        f"{_LEDGER}::test_every_run_that_sees_patients_is_charged_before_it_is_trained",
        f"{_LEDGER}::test_cohort_with_one_patient_in_common_has_the_same_ledger",
        f"{_LEDGER}::test_budget_warns_at_80_percent_and_refuses_beyond",
        f"{_OWN_RUNS}::test_ledger_entries_deleted_one_by_one_still_count",
    ),
    "A huge ε in place of none": (
        f"{_ACCOUNTING}::test_infinite_budget_means_no_noise_and_infinite_epsilon",
        f"{_TRAINING}::test_without_privacy_the_update_is_the_plain_gradient",
    ),
    "A promise beside other weights": (
        f"{_SYNTHESIS}/test_checkpoints.py::test_changed_weights_are_refused_with_both_hashes",
    ),
    "Rounding in the claimed ε": (
        f"{_ACCOUNTING}::test_calibrated_noise_never_overshoots_and_wastes_next_to_nothing",
        f"{_STEPS}::test_calibrated_noise_spends_the_target_and_never_more",
    ),
    "A failed attack taken for a promise": (
        "tests/auditing/test_generators.py::test_planted_copies_are_found_at_about_their_share",
        "tests/cli/test_gan_attack.py::test_attack_prints_and_writes_every_comparison_with_its_control",
    ),
    "Files that run code when opened": (
        "tests/test_architecture.py::test_nothing_is_unpickled",
        "tests/classifiers/test_backbones.py::test_pickled_code_in_a_weights_file_is_not_run",
    ),
}
