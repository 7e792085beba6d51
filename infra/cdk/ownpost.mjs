// A stack of Ownpost as a construct of CDK, over the packaged template. docs/howto/other-tools.md says how to package.
import { CfnInclude } from 'aws-cdk-lib/cloudformation-include';
import { Construct } from 'constructs';

/**
 * Every name begins with the name of the stack that the construct is in: one construct a stack.
 *
 * `template` is the file that `sam package` has written, `parameters` are those of infra/template.yaml. `bus`, `eventsQueueUrl`,
 * `publisherPolicyArn`, `apiUrl` are tokens for other constructs, `output(name)` is any other output.
 */
export class Ownpost extends Construct {
  constructor(scope, id, { template, parameters }) {
    super(scope, id);
    this.included = new CfnInclude(this, 'Template', { templateFile: template, parameters, preserveLogicalIds: true });
    this.#loosen(this.included.getResource('RouterFunction'));
    this.bus = this.output('BusName');
    this.eventsQueueUrl = this.output('EventsQueueUrl');
    this.publisherPolicyArn = this.output('PublisherPolicyArn');
    this.apiUrl = this.output('ApiUrl');
  }

  /** CDK takes no destination of failures without one of successes; CloudFormation does. */
  #loosen(router) {
    const { maximumRetryAttempts, maximumEventAgeInSeconds, destinationConfig } = router.eventInvokeConfig;
    router.eventInvokeConfig = undefined;
    router.addPropertyOverride('EventInvokeConfig', {
      MaximumRetryAttempts: maximumRetryAttempts,
      MaximumEventAgeInSeconds: maximumEventAgeInSeconds,
      DestinationConfig: { OnFailure: { Type: 'SQS', Destination: destinationConfig.onFailure.destination } },
    });
  }

  output(name) {
    return this.included.getOutput(name).value;
  }
}
